"""Accounts in the console: their list, what is done to them, and who may."""

from __future__ import annotations

import pytest
from textual import events

from core.handles import Handles
from core.services.actor import Actor, Role
from core.services.configuration import stored_rule
from core.services.configuration.accounts import accounts
from tests.accounts import add_account as add_plain_account
from tests.accounts import at, change_account, fetched_well, message
from tests.console.conftest import Opener
from tests.console.rows import add_account, run, store
from tests.servers.dovecot import DovecotServer
from tui.console.screens.form import FormScreen


async def test_first_start_says_how_to_add_an_account(open_console: Opener) -> None:
    async with open_console() as console:
        assert "No accounts yet." in console.text
        assert "Press n to add one." in console.text


async def test_an_account_is_created_by_keyboard_alone(open_console: Opener, handles: Handles, actor: Actor) -> None:
    async with open_console() as console:
        await console.press("n")
        await console.type("support")
        await console.press("tab", "tab", "tab")
        await console.type("imap.example.org")
        await console.press("tab", "tab")
        await console.type("support@example.org")
        await console.press("tab")
        await console.type("s3cret-canary")
        assert "s3cret-canary" not in console.text
        await console.press("ctrl+f")
        await console.until_seen("Once a message is stored here, what happens on its server?")
        await console.press("down", "enter")
        await console.until_seen("What does the first run take in?")
        await console.press("enter")
        assert "Account support is not tested" in console.text
        await console.press("y")
        await console.until_seen("No comment says why it is here")
        assert "support" in console.lines[3]
        assert "1 account" in console.lines[1]
    kept = accounts.get(handles, actor, "support")
    assert (kept["host"], kept["type"], kept["password"]) == ("imap.example.org", "IMAPS", "set")
    assert (kept["after_fetch"], kept["start_from"]) == ("delete", "all")


async def test_pause_and_resume_are_one_key(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("p")
        await console.until_seen("= paused")
        await console.press("p")
        await console.until_seen("Resumed support")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_who_may_not_change_gets_details_in_place_of_a_form(
    open_console: Opener, handles: Handles, actor: Actor, role: Role
) -> None:
    add_account(handles, actor, "support")
    async with open_console(actor=Actor("ann", "here", role)) as console:
        await console.press("n")
        assert "Accounts" in console.lines[0]
        await console.press("enter")
        assert not isinstance(console.app.screen, FormScreen)
        assert "imap.example.org" in console.text


async def test_read_only_changes_nothing(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console(read_only=True) as console:
        for key in ("n", "e", "d", "v", "p", "f", "t"):
            await console.press(key)
            assert "Accounts" in console.lines[0]
            assert len(console.app.screen_stack) == 2
        assert "new" not in console.lines[-1]
    assert accounts.get(handles, actor, "support")["validity"] == "valid"


async def test_fetch_without_a_worker_offers_to_start_one(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("f")
        assert "No worker is running" in console.text
        await console.press("n")
        assert "Accounts" in console.lines[0]


async def test_an_account_changed_by_another_process_is_seen(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        add_account(handles, actor, "sales")
        handles.changes.flush()
        await console.until_seen("sales")
        store(handles, [run(1, "support")], "run")
        await console.until_seen("fetch ● 1")


async def test_a_key_pressed_twice_opens_one_dialog(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        for _ in range(5):
            console.app.post_message(events.Key("d", "d"))
        await console.settled()
        assert "Delete account support?" in console.text
        assert len(console.app.screen_stack) == 3


async def test_switching_trusted_on_asks(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("e")
        await console.until_seen("support@example.org")
        form = console.app.screen
        assert isinstance(form, FormScreen)
        form.fields["trusted"].typed = "yes"
        await console.press("ctrl+s")
        await console.until_seen("only for senders you know")
        await console.press("escape")
        assert accounts.get(handles, actor, "support")["trusted"] is False
        await console.press("ctrl+s", "y")
        await console.until_seen("is not tested as it stands here")
        await console.press("y")
        await console.until_seen("Saved support.")
        assert accounts.get(handles, actor, "support")["trusted"] is True
        await console.press("ctrl+s")
        await console.until_seen("Saved support.")


async def test_what_was_kept_follows_a_changed_rule_once_that_is_confirmed(
    open_console: Opener, handles: Handles, actor: Actor, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(3)])
    account = add_plain_account(handles, name="support", **at(dovecot, user))
    fetched_well(handles)
    change_account(handles, account, after_fetch="delete")
    async with open_console() as console:
        await console.until_seen("support")
        await console.press("a")
        await console.until_seen("3 stored messages that the next run finds on")
        await console.press("n")
        assert stored_rule.count(handles, actor, "support").messages == 3
        await console.press("a")
        await console.until_seen("Do it?")
        await console.press("y")
        await console.until_seen("Account support: 3 stored messages")
        await console.press("a")
        await console.until_seen("! Nothing to do: no message that support keeps on its server is stored here.")
    assert stored_rule.count(handles, actor, "support").messages == 0
