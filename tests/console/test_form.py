"""A form, shown on an account's: fields, keys and what is typed into them."""

from __future__ import annotations

from textual import events
from textual.containers import VerticalScroll

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tests.console.conftest import Opener
from tests.console.rows import add_account
from tui.console.screens.form import FormScreen


async def test_a_field_says_what_is_wrong_as_it_is_left(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n", "tab", "tab", "tab", "tab")
        await console.type("99999999")
        assert "65535" not in console.text
        await console.press("tab")
        assert "is a number from 1 to 65535" in console.text


async def test_saving_what_is_wrong_shows_all_of_it_and_goes_to_the_first(
    open_console: Opener, handles: Handles
) -> None:
    async with open_console() as console:
        await console.press("n", "ctrl+s")
        assert console.app.screen.name_now is None
        assert console.text.count("✗") >= 3
        assert "Not saved: Name" in console.text


async def test_save_stays_and_a_second_save_changes(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e")
        await console.type("2")
        await console.press("ctrl+s", "y")
        assert isinstance(console.app.screen, FormScreen)
        assert "Account support2" in console.lines[0]
        await console.type("3")
        await console.press("ctrl+s")
        assert "Account support23" in console.lines[0]
    assert accounts.get(handles, actor, "support23")["password"] == "set"


async def test_the_last_letters_before_a_save_are_saved(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e")
        for key in ("a", "b", "c", "ctrl+f"):
            console.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await console.until_seen("supportabc is not tested")
        await console.press("y")
    assert accounts.get(handles, actor, "supportabc")


async def test_fields_come_and_go_with_what_stands_in_others(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        assert not form.fields["queue"].display
        form.fields["dispatching"].widget.focus()
        await console.press("q")
        assert form.fields["queue"].display
        form.fields["type"].widget.focus()
        await console.press("p")
        assert form.fields["type"].typed == "POP3"
        assert not form.fields["folders"].display


async def test_a_reference_is_chosen_from_a_list(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        form.fields["dispatching"].widget.focus()
        await console.press("right", "tab")
        await console.press("j")
        await console.until_seen("Junk")
        await console.press("enter")
        assert form.fields["queue"].typed == "Junk"


async def test_letters_typed_fast_go_into_the_list_that_opens(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        form.fields["dispatching"].widget.focus()
        await console.press("right", "down")
        await console.type("postm")
        assert len(console.app.screen_stack) == 4
        await console.press("enter")
        assert form.fields["queue"].typed == "Postmaster"


async def test_arrows_go_from_field_to_field(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n", *["down"] * 6)
        assert console.app.screen.fields["password"].widget.has_focus
        await console.press(*["down"] * 4, *["up"] * 10)
        assert console.app.screen.fields["name"].widget.has_focus


async def test_leaving_a_form_with_changes_asks(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        await console.type("x")
        await console.press("escape")
        assert "is not saved" in console.text
        await console.press("escape")
        assert isinstance(console.app.screen, FormScreen)
        await console.press("escape", "y")
        assert not isinstance(console.app.screen, FormScreen)


async def test_leaving_a_form_without_changes_does_not_ask(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e", "escape")
        assert "Accounts" in console.lines[0]


async def test_what_was_typed_is_kept_when_somebody_else_saved_meanwhile(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e")
        form = console.app.screen
        form.fields["comment"].typed = "for the desk"
        form.fields["priority"].typed = "7"
        accounts.change(handles, actor, "support", {"interval": "30m", "priority": 3})
        await console.press("ctrl+s", "y")
        said = " ".join(console.text.split())
        assert "Interval stands here as they have it. What you typed is kept over their Priority (3)." in said
        assert {name: form.fields[name].typed for name in ("comment", "priority", "interval")} == {
            "comment": "for the desk",
            "priority": "7",
            "interval": "30m",
        }
        await console.press("ctrl+s")
        await console.until_seen("Saved support.")
    kept = accounts.get(handles, actor, "support")
    assert (kept["comment"], kept["priority"], kept["interval"]) == ("for the desk", 7, "30m")


async def test_a_kept_secret_is_not_read_back(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e")
        assert "kept; type to replace it" in console.text
        assert "s3cret-canary" not in console.text
        assert console.app.screen.fields["password"].typed == ""


async def test_the_line_above_the_footer_says_what_is_wrong_and_what_to_press(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support", validity="invalid")
    async with open_console() as console:
        assert "support is invalid and not fetched. v makes it valid" in console.text
        await console.press("v")
        assert "is valid now, and fetched from now on" in console.text
    assert accounts.get(handles, actor, "support")["validity"] == "valid"


async def test_arrows_lead_out_of_a_field_of_several_lines(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        form.fields["tls_ca"].widget.focus()
        await console.press("down")
        assert form.focused is form.fields["tls_fingerprint"].widget
        await console.press("up", "up")
        assert form.focused is form.fields["max_size"].widget


async def test_a_page_down_goes_to_the_next_section_and_takes_the_keys_along(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n", "pagedown")
        form = console.app.screen
        assert form.focused is form.fields["type"].widget
        await console.press("pagedown", "pagedown", "pageup")
        assert form.focused is form.fields["username"].widget
        for _ in range(9):
            await console.press("pagedown")
        assert form.focused.id == "test"
        await console.press("pageup")
        assert form.focused is form.fields["tls_ca"].widget


async def test_what_one_types_into_stays_in_sight_in_a_smaller_terminal(open_console: Opener) -> None:
    async with open_console((80, 40)) as console:
        await console.press("n")
        form = console.app.screen
        form.fields["interval"].widget.focus()
        await console.pilot.resize_terminal(60, 12)
        await console.until_seen("Interval")
        assert "esc back" in console.lines[-1]


async def test_all_buttons_of_a_form_have_room(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n", "shift+tab")
        await console.until_seen("Save and finish")
        [buttons] = [line for line in console.lines if "Test connection" in line]
        assert buttons.split() == ["Test", "connection", "Save", "Save", "and", "finish", "Back"]


async def test_a_form_is_where_it_goes_at_once(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        body = console.app.screen.query_one(VerticalScroll)
        places: list[float] = []
        console.app.screen.watch(body, "scroll_y", lambda place: places.append(place), init=False)
        await console.press("shift+tab")
        assert places == [body.max_scroll_y]


async def test_help_is_there_where_letters_are_typed(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        assert "f1 help" in console.lines[-1]
        await console.press("question_mark")
        await console.press("f1")
        await console.until_seen("To the next section")
        await console.press("f1")
        console.app.screen.fields["tls_ca"].widget.focus()
        await console.settled()
        assert "? help" not in console.lines[-1], "a letter there, too"
        assert "f1 help" in console.lines[-1]
