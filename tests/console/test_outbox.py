"""The outbox on the screen."""

from __future__ import annotations

from core.handin import OutgoingEnvelope, hand_in
from core.handles import Handles
from tests.console.conftest import Opener

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
