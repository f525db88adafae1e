"""What is asked before an account is saved: a test of what stands in its form, and what else would be taken for granted."""

from __future__ import annotations

import pytest

from core.handles import Handles
from core.resources.account import ACCOUNT
from core.services.actor import Actor
from core.services.lists import search
from tests.console.conftest import Opener
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tui.console.screens.form import FormScreen


@pytest.mark.parametrize("password", ["the right one", "a wrong one"])
async def test_what_stands_in_a_form_is_tested_before_it_is_saved(
    open_console: Opener,
    handles: Handles,
    actor: Actor,
    dovecot: DovecotServer,
    certificates: Certificates,
    password: str,
) -> None:
    user = dovecot.fresh_user(password="the right one")
    is_right = password == "the right one"
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        given = {
            "name": "support", "host": "127.0.0.1", "port": str(dovecot.ports.imaps), "username": user,
            "password": password, "tls_ca": str(certificates.good.authority),
        }  # fmt: skip
        for name, text in given.items():
            form.fields[name].typed = text
        await console.press("ctrl+t")
        await console.until_seen("All well." if is_right else "It does not work yet.")
        assert "login" in console.text
        assert password not in console.text
        await console.press("escape")
        if not is_right:
            assert form.focused is form.fields["password"].widget
            assert form.fields["password"].is_wrong, "the server's words stay beside what they are about"
            await console.until_seen("The test stopped at login: see Password.")
        await console.press("ctrl+f", "down", "enter", "enter")
        if not is_right:
            assert "Account support did not pass its test: it stopped at login." in console.text
            await console.press("y")
    row = search.matching(handles, actor, ACCOUNT).rows[0]
    assert (row["tested_at"] is not None) is is_right


async def test_a_test_says_beside_the_field_what_it_lacks(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("n")
        await console.press("ctrl+t")
        await console.until_seen("Not tested: Host is missing")
        assert not console.app.screen.fields["name"].is_wrong, "a test needs no name"


def _fill(form: FormScreen, dovecot: DovecotServer, certificates: Certificates, **more: str) -> None:
    given = {
        "name": "support", "host": "127.0.0.1", "port": str(dovecot.ports.imaps), "username": dovecot.fresh_user(),
        "password": "secret", "tls_ca": str(certificates.good.authority), **more,
    }  # fmt: skip
    for name, text in given.items():
        form.fields[name].typed = text


async def test_saving_untested_may_test_first_and_saves_when_that_goes_well(
    open_console: Opener, handles: Handles, actor: Actor, dovecot: DovecotServer, certificates: Certificates
) -> None:
    async with open_console() as console:
        await console.press("n")
        _fill(console.app.screen, dovecot, certificates, password="a wrong one")
        await console.press("ctrl+s", "enter", "enter", "t")
        await console.until_seen("It does not work yet.")
        await console.press("escape")
        assert console.app.screen.name_now is None
        console.app.screen.fields["password"].typed = "secret"
        await console.press("ctrl+s", "t")
        await console.until_seen("All well.")
        await console.press("escape")
        assert console.app.screen.name_now == "support"
        await console.press("escape", "e")
        console.app.screen.fields["comment"].typed = "nothing that was tested"
        await console.press("ctrl+f")
        assert "Accounts" in console.lines[0]
    assert search.matching(handles, actor, ACCOUNT).rows[0]["tested_at"] is not None


async def test_saving_untested_may_be_thought_better_of_and_asks_once(
    open_console: Opener, handles: Handles, actor: Actor, dovecot: DovecotServer, certificates: Certificates
) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        _fill(form, dovecot, certificates)
        await console.press("ctrl+s", "escape")
        await console.until_seen("Not saved.")
        await console.press("ctrl+s", "enter", "enter", "escape")
        assert form.name_now is None
        await console.press("ctrl+s", "y")
        assert form.name_now == "support"
        form.fields["comment"].typed = "c"
        await console.press("ctrl+s")
        assert console.app.screen is form
        assert not form.is_changed
        form.fields["username"].typed = "somebody else"
        await console.press("ctrl+s")
        assert "is not tested" in console.text


async def test_a_new_account_is_asked_for_what_else_would_be_taken_for_granted(
    open_console: Opener, dovecot: DovecotServer, certificates: Certificates
) -> None:
    async with open_console() as console:
        await console.press("n")
        form = console.app.screen
        _fill(form, dovecot, certificates, start_from="2026-01-31")
        await console.press("ctrl+s", "down", "down", "enter", "y")
        await console.until_seen("Not saved: Move to")
        assert form.fields["move_to"].widget.has_focus
        form.fields["start_from"].typed = "all"
        await console.press("ctrl+s")
        form.fields["move_to"].typed = "Done"
        await console.press("ctrl+s", "down", "down", "enter")
        await console.until_seen("type it here, then save")
        assert form.fields["start_from"].widget.has_focus
        form.fields["start_from"].typed = "2026-01-31"
        await console.press("ctrl+s")
        await console.until_seen("Account support")
        assert (form.name_now, form.values["after_fetch"]) == ("support", "move")
