"""Accounts at 80×24, with the keyboard alone."""

from __future__ import annotations

import pytest
from textual import events

from core.handles import Handles
from core.resources.account import ACCOUNT
from core.services import search, stored_rule
from core.services.accounts import accounts
from core.services.actor import Actor, Role
from tests.accounts import add_account as add_plain_account
from tests.accounts import at, change_account, fetched_well, message
from tests.console.conftest import Opener
from tests.console.rows import add_account, run, store
from tests.servers.certificates import Certificates
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
