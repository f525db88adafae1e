"""What is refused, is refused in the console too: beside the field, and with the names."""

from __future__ import annotations

from core.handles import Handles
from core.resources.catalogue import kind_named
from core.services.actor import Actor
from core.services.configuration.catalogue import resource_of
from core.services.configuration.config_text import import_text
from tests.console.conftest import Opener
from tests.guards import ON_DELETE, ON_SAVE, WORLD
from tui.console.form_values import typed_of
from tui.console.screens.form import FormScreen

SHOWN = [ON_SAVE[place] for place in (0, 2, 6, 7)]
"""One of each sort: a form takes a second, and shows what the services say."""


async def test_a_form_says_what_is_refused_beside_the_field(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    import_text(handles, actor, WORLD, "world.toml")
    before = {one.name: resource_of(kind_named(one.kind)).get(handles, actor, one.name) for one in SHOWN}
    async with open_console(screen="mailboxes") as console:
        for one in SHOWN:
            form = FormScreen(console.app.desk, kind_named(one.kind), one.name)
            console.app.push_screen(form)
            await console.settled()
            for name, value in one.given.items():
                form.fields[name].typed = typed_of(form.fields[name].field, value)
            await console.press("ctrl+s")
            assert form.fields[one.field].is_wrong, one
            assert one.said[:20] in " ".join(console.text.split()), console.text
            await console.press("escape", "y")
    after = {one.name: resource_of(kind_named(one.kind)).get(handles, actor, one.name) for one in SHOWN}
    assert after == before


async def test_deleting_what_others_need_names_them(open_console: Opener, handles: Handles, actor: Actor) -> None:
    import_text(handles, actor, WORLD, "world.toml")
    async with open_console() as console:
        for kind, name, said in ON_DELETE:
            console.app.go_to(kind_named(kind).plural, name)
            await console.settled()
            while str(console.app.screen.table.selected["name"]) != name:
                await console.press("j")
            await console.press("d", "y")
            shown = " ".join(console.text.replace("│", " ").split())
            assert said[:60] in shown
            await console.press("escape")
