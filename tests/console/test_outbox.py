"""The outbox on the screen."""

from __future__ import annotations

import base64

import pytest

from core import clock
from core.handin import OutgoingEnvelope, hand_in
from core.handles import Handles
from core.models import OutgoingMessage, OutgoingRaw, Recipient
from core.resources.outbox import OUTBOX
from core.services import outbox
from core.services.actor import Actor, Role
from core.services.looking import reading
from tests.console.conftest import Opener
from tests.console.rows import store
from tui.console import deeds
from tui.console.desk import Desk

MAIL = b"From: a@example.org\r\nSubject: From a cron job\r\n\r\nHello.\r\n"


async def test_what_was_handed_in_is_there_though_no_worker_is(open_console: Opener, handles: Handles) -> None:
    hand_in(handles.environment, OutgoingEnvelope(("b@example.net",)), MAIL)
    async with open_console(screen="outbox") as console:
        await console.until_seen("From a cron job")


async def test_a_console_that_changes_nothing_leaves_it_where_it_is(open_console: Opener, handles: Handles) -> None:
    hand_in(handles.environment, OutgoingEnvelope(("b@example.net",)), MAIL)
    async with open_console(screen="outbox", read_only=True) as console:
        await console.settled()
        assert "From a cron job" not in console.text
    assert list(handles.environment.drop.glob("*.mail"))


def _waiting(handles: Handles, number: int, raw: bytes | None) -> None:
    now = clock.utcnow()
    same = {"created_at": now, "next_attempt_at": now}
    rows = [OutgoingMessage(id=number, message_id=f"<{number}@b>", subject="Invoice", **same)]
    store(handles, [*rows, Recipient(outgoing_id=number, address="bob@example.net")], "outbox")
    if raw is not None:
        store(handles, [OutgoingRaw(outgoing_id=number, data=raw)], "outbox")


async def test_what_is_over_is_not_said_to_be_tried_again(open_console: Opener, handles: Handles) -> None:
    _waiting(handles, 1, MAIL)
    _waiting(handles, 2, MAIL)
    store(
        handles, [OutgoingMessage(id=2, message_id="<2@b>", subject="Late", state="expired", created_at=clock.utcnow())]
    )
    async with open_console(screen="outbox", filter_text="state:expired") as console:
        await console.press("r")
        assert "Nothing to do: it is expired." in console.text
        await console.press("escape", "asterisk", "r")
        assert "Trying 1 message of 2 again; the others are over, or being sent." in console.text


async def test_a_message_is_copied_by_its_message_id_as_other_programs_know_it(
    open_console: Opener, handles: Handles
) -> None:
    _waiting(handles, 1, MAIL)
    async with open_console(screen="outbox") as console:
        await console.press("y")
        assert "Copied <1@b>" in console.text
        await console.press("enter", "y")
        assert "Copied <1@b>" in console.text


def test_what_happened_since_it_was_listed_is_told(handles: Handles, actor: Actor) -> None:
    _waiting(handles, 1, MAIL)
    desk = Desk(handles, actor)
    listed = list(desk.first_window(OUTBOX, "").rows)
    outbox.cancel(handles, actor, [1])
    assert deeds.done(desk, OUTBOX, "retry", listed) == "Nothing to do: it is cancelled."


def _mail(text: bytes) -> bytes:
    lines = [
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>", b"To: bob@example.net", b"Cc: eve@example.net",
        b"Subject: Invoice", b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=x", b"",
        b"--x", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: base64", b"",
        base64.encodebytes(text), b"--x", b"Content-Type: application/pdf",
        b'Content-Disposition: attachment; filename="a\x1b[31m.pdf"', b"", b"%PDF", b"--x--", b"",
    ]  # fmt: skip
    return b"\r\n".join(lines)


async def test_what_is_to_be_sent_can_be_read_by_whoever_sees_the_outbox(
    open_console: Opener, handles: Handles
) -> None:
    _waiting(handles, 1, _mail("Schönen Tag \x1b[2J[bold]!".encode()))
    async with open_console((80, 50), screen="outbox", actor=Actor("vic", "mail01", Role.VIEWER)) as console:
        await console.press("enter")
        await console.until_seen("as it was handed in")
        assert "Jürgen <j@example.org>" in console.text
        assert "Cc      eve@example.net" in console.text
        assert "Schönen Tag \N{REPLACEMENT CHARACTER}[2J[bold]!" in console.text
        assert "Attachment  a\N{REPLACEMENT CHARACTER}[31m.pdf  application/pdf, 4 B" in console.text
        assert "bob@example.net" in console.text


async def test_of_a_long_message_so_much_is_shown_and_the_rest_is_told_of(
    open_console: Opener, handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_AT_MOST", 1000)
    _waiting(handles, 1, _mail(b"0123456789\n" * 1000))
    async with open_console(screen="outbox") as console:
        await console.press("enter")
        await console.until_seen("as it was handed in")
        await console.press("G")
        await console.until_seen("(there is more: postroom raw --outbox 1 gives all of it)")


async def test_a_message_whose_bytes_are_gone_says_so(open_console: Opener, handles: Handles) -> None:
    _waiting(handles, 1, None)
    async with open_console(screen="outbox") as console:
        await console.press("enter")
        await console.until_seen("The bytes of an outgoing message 1 are not here.")
