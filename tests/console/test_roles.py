"""What one may not do is not offered: no key, no place, no command of the palette."""

import pytest

from core.errors import NotPermitted
from core.resources.catalogue import KINDS, kind_named
from core.services import access
from core.services.actor import Actor, Role
from tests.console.conftest import Console, Opener
from tui.console.places import PLACES
from tui.console.run import run_console

ALWAYS = {"details", "open", "mark", "copy", "write", "filter", "back", "help", "go_to"}


def offered(console: Console) -> set[str]:
    """The verbs of the keys that do something now."""
    actions = {active.binding.action for active in console.app.screen.active_bindings.values()}
    verbs = {"new": "add", "edit": "change", "delete": "delete", "restore": "restore"}
    own = {f"act('{one.name}')": one.name for kind in KINDS for one in kind.actions}
    return {(verbs | own)[action] for action in actions if action in verbs | own}


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_keys_are_offered_for_what_the_role_allows(open_console: Opener, role: Role) -> None:
    actor = Actor("ann", "here", role)
    async with open_console(actor=actor) as console:
        for place in [one for one in PLACES if one.kind and access.may(actor, access.SEE, one.kind)]:
            console.app.go_to(place.name)
            await console.settled()
            kind = kind_named(place.kind)
            # Changing a record is an operator's, and what its keys do is a change of it.
            refused = {
                verb
                for verb in offered(console)
                if not access.may(actor, verb, kind.name) and not access.may(actor, "change", kind.name)
            }
            assert refused == set(), place.name
            if role is Role.VIEWER:
                assert offered(console) == set(), place.name


async def test_who_may_not_edit_is_told_the_key_that_opens(open_console: Opener, actor: Actor) -> None:
    for who, line in ((Actor("ann", "here", Role.VIEWER), "enter open"), (actor, "e edit")):
        async with open_console(actor=who, screen="mailboxes") as console:
            assert line in console.lines[-1]
            assert ("enter open" in console.lines[-1]) is (who.role is Role.VIEWER)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_templates_are_no_place_to_go_to(open_console: Opener, role: Role) -> None:
    async with open_console(size=(120, 40), actor=Actor("ann", "here", role)) as console:
        titles = {command.title for command in console.app.get_system_commands(console.app.screen)}
        assert "Accounts" in titles
        assert "Templates" not in titles
        assert "Templates" not in console.text
        await console.press("colon")
        await console.type("templ")
        assert "Templates" not in console.text


def test_a_first_screen_that_one_may_not_see_is_refused(handles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.console.run.check_terminal", lambda: None)

    with pytest.raises(NotPermitted, match=r"may not see this \(template\)"):
        run_console(handles, Actor("ann", "here", Role.VIEWER), screen="templates")
