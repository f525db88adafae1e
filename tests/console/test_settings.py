"""Settings, read and changed in the console at 80×24."""

from __future__ import annotations

from typing import Any

import pytest

from core.handles import Handles
from core.services import settings
from core.services.actor import Actor, Role
from core.services.setting_sections import section_of
from core.services.setting_values import DEFAULTS, LISTENER_PASSWORD
from tests.console.conftest import Opener
from tui.console.screens.settings import SettingsForm


def test_every_setting_stands_in_a_form(handles: Handles, actor: Actor) -> None:
    for name in [*DEFAULTS, LISTENER_PASSWORD]:
        section = section_of(name)
        field = section.kind.field(name.removeprefix(section.prefix))
        assert field is not None, name
        assert field.section, name
        assert len(field.label) < 18, f"{name}: its label is cut"
        assert field.name in section.get(handles, actor, name)


def shown(handles: Handles, actor: Actor, *names: str) -> list[Any]:
    values = settings.read(handles, actor)
    return [values[name] for name in names]


async def test_a_section_is_changed_by_keyboard_alone(open_console: Opener, handles: Handles, actor: Actor) -> None:
    async with open_console(screen="settings") as console:
        await console.press("slash")
        await console.type("retry")
        await console.press("enter", "j", "enter")
        form = console.app.screen
        assert isinstance(form, SettingsForm)
        assert "Settings: Retry" in console.lines[0]
        assert form.fields["longest"].widget.has_focus
        assert "The longest wait between two tries. Default: 1h." in console.text
        for _ in "1h":
            await console.press("backspace")
        await console.type("2h")
        await console.press("up", "up")
        form.fields["notify"].typed = "no"
        await console.press("ctrl+f")
        assert "Settings" in console.lines[0]
        assert "retry.longest" in console.text
        assert console.app.screen.table.selected["name"] == "retry.longest"
    assert shown(handles, actor, "retry.longest", "retry.notify", "retry.first") == ["2h", False, "1m"]


async def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_changed(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    async with open_console(screen="settings") as console:
        await console.press("enter")
        form = console.app.screen
        form.fields["default_queue"].typed = "Nowhere"
        form.fields["fetch_slots"].typed = "many"
        form.fields["min_free_disk"].typed = "lots"
        form.fields["staging_redirect"].typed = "nobody"
        form.fields["states"].typed = "new, open, closed successful"
        await console.press("ctrl+s")
        mended = {
            "default_queue": "Junk", "fetch_slots": "", "min_free_disk": "1GiB", "staging_redirect": "qa@example.org",
        }  # fmt: skip
        assert [name for name, field in form.fields.items() if field.is_wrong] == list(mended)
        for name, text in mended.items():
            form.fields[name].typed = text
        await console.press("ctrl+s")
        assert not any(field.is_wrong for field in form.fields.values())
        assert form.fields["fetch_slots"].typed == "32"
    names = ("default_queue", "fetch_slots", "min_free_disk", "staging_redirect", "states")
    assert shown(handles, actor, *names) == [
        "Junk", 32, "1GiB", "qa@example.org", ["new", "open", "closed successful"],
    ]  # fmt: skip


async def test_the_listeners_password_is_sealed_and_never_shown(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    async with open_console(screen="settings", filter_text="listener.username") as console:
        await console.press("enter")
        form = console.app.screen
        form.fields["username"].typed = "app"
        form.fields["password"].typed = "s3cret-canary"
        assert "s3cret-canary" not in console.text
        await console.press("ctrl+s")
        form.fields["password"].widget.focus()
        await console.settled()
        assert "kept; type to replace it" in console.text
    assert section_of("listener.port").get(handles, actor, "")["password"] == "set"


async def test_d_gives_a_setting_its_default_back(open_console: Opener, handles: Handles, actor: Actor) -> None:
    settings.change(handles, actor, {"hold_all": True})
    async with open_console(screen="settings", filter_text="hold_all") as console:
        assert "hold_all: Whether all outgoing mail is held." in console.text
        await console.press("d")
        assert "Give hold_all its default back?" in console.text
        await console.press("y")
    assert shown(handles, actor, "hold_all") == [False]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_than_admins_look_and_change_nothing(open_console: Opener, handles: Handles, role: Role) -> None:
    async with open_console(actor=Actor("ann", "here", role), screen="settings") as console:
        await console.press("e", "d")
        assert len(console.app.screen_stack) == 2
        await console.press("enter")
        assert not isinstance(console.app.screen, SettingsForm)


async def test_a_changed_setting_is_told_from_a_default(open_console: Opener, handles: Handles, actor: Actor) -> None:
    settings.change(handles, actor, {"retention.runs": "60d"})
    async with open_console(screen="settings", filter_text="retention.") as console:
        await console.until_seen("0: for ever. Default: 365d.")
        assert "Changed" not in console.text
        while console.app.screen.table.selected["name"] != "retention.runs":
            await console.press("j")
        assert "Changed: d gives it that back." in " ".join(console.text.split())


async def test_a_save_leaves_what_was_changed_elsewhere_meanwhile(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    async with open_console(screen="settings", filter_text="hold_all") as console:
        await console.press("e")
        settings.change(handles, actor, {"fetch_slots": 7})
        await console.press("left", "ctrl+s")
        await console.until_seen("Saved")
    assert shown(handles, actor, "hold_all", "fetch_slots") == [True, 7]


async def test_d_on_a_default_asks_nothing(open_console: Opener) -> None:
    async with open_console(screen="settings", filter_text="hold_all") as console:
        await console.press("d")
        await console.until_seen("! hold_all: the default already.")
