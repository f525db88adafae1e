"""What comes from outside is text on every screen: it cannot colour, move, beep, or break anything."""

from __future__ import annotations

import re

import pytest
from sqlmodel import SQLModel

from core import clock
from core.handles import Handles
from core.models import (
    Account,
    AccountStatus,
    Alert,
    Audit,
    Filter,
    Handoff,
    Mailbox,
    MailboxStatus,
    OutgoingMessage,
    Profile,
    Quarantine,
    Queue,
    Recipient,
    SystemAddress,
    Template,
    Worker,
)
from tests.console.conftest import NARROW, SPACIOUS, Console, Opener
from tests.console.rows import event, message, record, run, store
from tui.console.places import PLACES

PAYLOADS = (
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1b[2J\x1b[31mred",
    "\x9b31mred\x9d0;title\x9c",
    "[/]",
    "[red]red[/red]",
    "[@click=app.quit]quit[/]",
    "[link=https://evil.example]x[/link",
    "[bold",
    "]\\[",
    "$text-error",
    "\u202egpj.exe\u202c",
    "a\u200b\u2066b\u2069",
    "\r\nBcc: x\x00\x7f\x08",
    "\ud83d\ude00 \U0001f468\u200d\U0001f469 ﷽",
)
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def _rows(payload: str, number: int) -> list[SQLModel]:
    now = clock.utcnow()
    same = {"created_at": now, "updated_at": now}
    bad = f"!{number} {payload}"
    return [
        Queue(id=number, name=bad, comment=bad, **same),
        Template(id=number, name=bad, smtp_host=bad, comment=bad, **same),
        Mailbox(id=number, name=bad, template_id=number, default_sender=bad, comment=bad, **same),
        MailboxStatus(mailbox_id=number, last_error=bad),
        Account(id=number, name=bad, type="IMAPS", host=bad, username=bad, folders=[bad], comment=bad, **same),
        AccountStatus(account_id=number, due_at=now, status="failing", failures=2, last_error=bad),
        SystemAddress(id=number, address=bad, queue_id=number, display_name=bad, **same),
        Filter(id=number, name=bad, match=[{"header": bad, "regex": bad, "negate": False}], set={bad: bad}, **same),
        Handoff(id=number, name=bad, command=bad, url=bad, **same),
        Profile(id=number, name=bad, provider="custom", method="password", client_id=bad, **same),
        Worker(id=bad, host=bad, pid=1, role=bad, version=bad, started_at=now, heartbeat_at=now),
        Alert(id=number, subject=bad, text=bad, opened_at=now),
        Audit(id=50_000 + number, at=now, actor=bad, verb=bad, kind=bad, name=bad, before={bad: bad}, after={bad: bad}),
        OutgoingMessage(id=number, message_id=bad, state="failed", sender=bad, subject=bad, last_error=bad, created_at=now, next_attempt_at=now),
        Recipient(id=number, outgoing_id=number, address=bad, state="failed", text=bad),
        record(number, bad, bad),
        *message(number, bad, body=bad, header_from=bad, header_to=bad, trail=[["filters", bad, bad]]),
        *message(number + 500, bad, state="quarantined", record_id=None, header_from=bad),
        Quarantine(message_id=number + 500, reason=bad, detail=bad, created_at=now, tried_at=now),
        run(number, bad, seq=2, host=bad, error=bad, step=bad),
        run(number + 500, bad, state="failed", seq=1, host=bad, error=bad),
        event(number, 1, bad, level="warning"),
        event(number, 2, bad),
        event(number + 500, 1, bad, level="error"),
    ]  # fmt: skip


def _storable(payload: str) -> str:
    # What no database takes cannot come out of one.
    return payload.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


EVIL = [_storable(payload) for payload in PAYLOADS]


@pytest.fixture
def hostile(handles: Handles) -> Handles:
    """Rows of every kind, for each payload, and for all of them in one."""
    for number, payload in enumerate(["".join(EVIL), *EVIL], start=50):
        store(handles, _rows(payload, number))
    return handles


def _check(console: Console, where: str) -> None:
    found = FORBIDDEN.search(console.text.replace("\n", ""))
    assert found is None, f"{where}: {found.group()!r} on the screen:\n{console.text!r}"
    assert console.app._exception is None


@pytest.mark.parametrize("size", [NARROW, SPACIOUS], ids=["narrow", "spacious"])
async def test_hostile_text_is_text_on_every_screen(
    open_console: Opener, hostile: Handles, size: tuple[int, int]
) -> None:
    async with open_console(size) as console:
        for place in PLACES:
            console.app.go_to(place.name)
            await console.settled()
            assert place.title in console.lines[0], place.name
            _check(console, place.name)
            if place.name == "overview":
                continue
            opens = "i" if place.kind else "enter"
            for keys in (("g", opens), ("escape", "G", opens)):
                await console.press_together(*keys)
                _check(console, f"{place.name}, opened")


async def test_every_hostile_mail_can_be_read(open_console: Opener, hostile: Handles) -> None:
    async with open_console(screen="records") as console:
        for _ in EVIL:
            await console.press("enter")
            assert "Record" in console.lines[0]
            _check(console, "a record")
            await console.press_together("escape", "j")


async def test_hostile_text_is_text_in_forms_and_dialogs(open_console: Opener, hostile: Handles) -> None:
    async with open_console() as console:
        for place in ("accounts", "mailboxes", "templates", "queues", "filters", "profiles"):
            console.app.go_to(place)
            await console.settled()
            for keys in (("e",), ("j", "e"), ("j", "e")):
                await console.press_together(*keys)
                _check(console, f"{place}, edited")
                await console.press_together("escape", "d")
                assert "Delete" in console.text
                _check(console, f"{place}, deleting")
                await console.press_together("escape", "y")
                _check(console, f"{place}, copied")
        console.app.go_to("accounts")
        await console.settled()
        await console.press("t")
        await console.until(lambda: "esc closes" in console.text or "✗" in console.text, "the test")
        _check(console, "tested")


async def test_a_subject_in_brackets_is_read_as_it_was_written(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "[/] [red]not red[/red]")], "record")
    async with open_console(screen="records") as console:
        assert "[/] [red]not red[/red]"[:20] in console.lines[3]
        await console.press("enter")
        assert "[/] [red]not red[/red]" in console.lines[1]
