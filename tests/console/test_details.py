"""One row, opened: read, done something to, and on to the next without going back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events

from core import clock
from core.handles import Handles
from core.models import OutgoingMessage, OutgoingRaw
from core.services import outbox
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tests.console.conftest import Opener
from tests.console.rows import add_account, event, message, record, run, store
from tui.console.wrapping import flowed, hanging, in_columns


async def test_one_goes_on_to_the_next_without_going_back(open_console: Opener, handles: Handles) -> None:
    for number in (1, 2, 3):
        store(handles, [record(number, f"Printer {number}"), *message(number, "x", f"Body {number}.")], "record")
    async with open_console(screen="records") as console:
        await console.press("enter")
        await console.until_seen("Body 3.")
        await console.press("J")
        await console.until_seen("Body 2.")
        assert "Record 2026112010000002" in console.lines[0]
        await console.press("J", "J")
        await console.until_seen("That was the last one.")
        await console.press("K", "escape")
        assert console.app.screen.table.selected["id"] == 2


async def test_what_the_list_can_do_can_be_done_to_what_is_open(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    async with open_console() as console:
        await console.press("space", "j", "i")
        assert "Account office" in console.lines[0]
        await console.press("v")
        await console.until_seen("office is invalid now")
        await console.until_seen("✗ invalid")
        assert "Account office" in console.lines[0], "it stays open"
        await console.press("escape")
        valid = {row["name"]: row["validity"] for row in console.app.screen.table.window.rows}
        assert valid == {"desk": "valid", "office": "invalid"}, "the marked one was not meant"


async def test_one_comes_back_to_what_is_open_from_a_question_or_form(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    async with open_console() as console:
        await console.press("j", "i", "e")
        await console.type(" two")
        await console.press("ctrl+f")
        await console.until_seen("Save anyway")
        await console.press("y")
        await console.until(lambda: "Account office two" in console.lines[0], "the page under its new name")
        await console.press("K")
        await console.until(lambda: "Account desk" in console.lines[0], "the row before")
        await console.press("escape")
        assert [row["name"] for row in console.app.screen.table.window.rows] == ["desk", "office two"]


async def test_a_run_says_when_and_what_not_which_number(
    open_console: Opener, handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.utcnow()
    monkeypatch.setattr(clock, "utcnow", lambda: now)  # what was yesterday is shown with its date
    lines = [event(1, 1, "INBOX: 34 messages", ms=0.2), event(1, 2, "gone away", level="error", ms=1500.0)]
    store(handles, [run(1, "office", state="failed", seq=2), *lines], "run")
    async with open_console(screen="runs") as console:
        await console.press("enter")
        await console.until_seen("INBOX: 34 messages")
        assert len(next(n for n, line in enumerate(console.lines) if "Events" in line) * "x") < 16, "two to a line"
        first, second = (next(line for line in console.lines if text in line) for text in ("INBOX", "gone away"))
        assert first.strip() == f"{first.strip()[:8]}  message  INBOX: 34 messages"
        assert second.strip()[8:] == "  ERROR  message  gone away  1500 ms"


async def test_what_is_open_is_written_whole_and_alone(
    open_console: Opener, handles: Handles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        store(handles, [record(number, f"Printer {number}"), *message(number, "x")], "record")
    async with open_console(screen="records") as console:
        await console.press("enter", "w")
        await console.until_seen("Wrote")
    written = json.loads((tmp_path / "record-2.json").read_text())
    assert written["title"] == "Printer 2"
    assert [one["id"] for one in written["messages"]] == [2]


async def test_the_marked_rows_alone_are_written(
    open_console: Opener, handles: Handles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store(handles, [record(number, f"Printer {number}") for number in (1, 2, 3)], "record")
    async with open_console(screen="records") as console:
        await console.press("space", "space", "w")
        await console.until_seen("Wrote")
    (file,) = tmp_path.glob("records-*.jsonl")
    assert file.stat().st_mode & 0o077 == 0, "mail is for the one who asked"
    assert [json.loads(line)["title"] for line in file.read_text().splitlines()] == ["Printer 3", "Printer 2"]


def test_names_and_values_stay_together() -> None:
    pairs = [("queue", "Support desk"), ("state", "new"), ("lock", "unlock")]
    assert str(flowed(pairs, 30)) == "queue Support desk   state new\nlock unlock"
    assert str(in_columns([("Id", "7"), ("Host", "h"), ("Subject", "x" * 12)], 25)) == (
        "Id       7    Host     h\nSubject  xxxxxxxxxxxx"  # eleven cells a column and three between
    )


def test_what_does_not_fit_goes_on_set_in() -> None:
    assert hanging("one two three four", 9) == ["one two", "  three", "  four"]


@pytest.mark.parametrize(("state", "is_shown"), [("sent", False), ("deferred", True)])
async def test_what_is_over_has_no_next_try(open_console: Opener, handles: Handles, state: str, is_shown: bool) -> None:
    now = clock.utcnow()
    store(
        handles, [OutgoingMessage(id=1, message_id="<a@b>", state=state, created_at=now, next_attempt_at=now)], "outbox"
    )
    async with open_console(screen="outbox") as console:
        await console.press("enter")
        await console.until_seen("<a@b>")
        assert ("Next  " in console.text) is is_shown


async def test_what_is_open_is_told_in_the_words_of_the_form(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk", interval="5s", max_size="32MiB", mark_seen=True)
    async with open_console() as console:
        await console.press("i")
        await console.until_seen("Password")
        text = " ".join(console.text.split())
        assert all(told in text for told in ("Interval 5s", "Largest 32MiB", "Mark seen yes", "Password set"))


async def test_a_state_that_lists_shorten_is_told_whole(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "desk")
    async with open_console() as console:
        await console.press("i")
        await console.until_seen("· never fetched")


async def test_q_leaves_what_is_open_and_in_a_list_the_console(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    async with open_console() as console:
        await console.press("i", "q")
        assert "Accounts" in console.lines[0]
        await console.press("e", "down", "q")
        assert "Accounts" in console.lines[0]
        assert console.app.return_code is None
        console.app.post_message(events.Key("q", "q"))
        await console.until(lambda: console.app.return_code == 0, "the console to be left")


async def test_what_others_do_is_seen_on_the_page_that_is_open(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    now = clock.utcnow()
    waits = OutgoingMessage(id=1, message_id="<a@b>", state="held", created_at=now, next_attempt_at=now)
    store(handles, [waits, OutgoingRaw(outgoing_id=1, data=b"Subject: x\r\n\r\n")], "outbox")
    async with open_console(screen="outbox") as console:
        await console.press("enter")
        await console.until_seen("= held")
        outbox.cancel(handles, actor, [1])
        handles.changes.flush()
        await console.until_seen("– cancelled")
        assert "Outbox 1" in console.lines[0], "it stays open"


async def test_what_others_delete_stays_to_be_read_and_is_said_to_be_gone(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    async with open_console() as console:
        await console.press("i")
        await console.until_seen("Password")
        accounts.delete(handles, actor, "desk")
        handles.changes.flush()
        await console.until_seen("Account desk: no longer here")
        assert "imap.example.org" in console.text
        await console.press("escape")
        await console.until_seen("0 accounts")
