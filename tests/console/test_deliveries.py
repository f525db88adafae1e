"""What is offered to other systems: seen, retried, given up."""

from __future__ import annotations

from typing import Any

from core import clock
from core.handles import Handles
from core.models import Delivery, Handoff, HandoffStatus
from tests.accounts import rows_of
from tests.console.conftest import Opener
from tests.console.rows import record, store


def crm() -> list[Any]:
    now = clock.utcnow()
    handoff = Handoff(id=1, name="crm", url="https://crm.example.org/in", created_at=now, updated_at=now)
    return [handoff, HandoffStatus(handoff_id=1), record(1, "Printer on fire")]


def offered(number: int, state: str, error: str = "") -> Delivery:
    now = clock.utcnow()
    settled = None if state == "waiting" else now
    return Delivery(
        id=number, handoff_id=1, record_id=1, message_id=number, event="record", state=state, attempts=3,
        last_error=error, next_attempt_at=now, created_at=now, settled_at=settled,
    )  # fmt: skip


def states(handles: Handles) -> list[str]:
    return [row.state for row in rows_of(handles, Delivery, "id")]


async def test_one_that_was_not_taken_says_why_and_is_offered_again(open_console: Opener, handles: Handles) -> None:
    rows = [offered(1, "delivered"), offered(2, "failed", "It answered 500")]
    store(handles, [*crm(), *rows], "delivery")
    async with open_console(screen="deliveries") as console:
        await console.until_seen("not taken. It answered 500.")
        await console.press("r")
        await console.until_seen("Offering 1 delivery again.")
        assert states(handles) == ["delivered", "waiting"]
        await console.press("down")
        await console.until_seen("taken. enter shows it.")
        await console.press("r")
        await console.until_seen("it is settled already")
        assert states(handles) == ["delivered", "waiting"]


async def test_marked_ones_are_given_up_when_that_is_confirmed(open_console: Opener, handles: Handles) -> None:
    store(handles, [*crm(), *(offered(number, "waiting") for number in (1, 2, 3))], "delivery")
    async with open_console(screen="deliveries") as console:
        await console.until_seen("3 deliveries")
        await console.press("space", "space", "x")
        await console.until_seen("Give these up?")
        await console.press("y")
        await console.until_seen("Gave up 2 deliveries.")
    assert states(handles) == ["waiting", "failed", "failed"]


async def test_enter_shows_all_of_one(open_console: Opener, handles: Handles) -> None:
    store(handles, [*crm(), offered(1, "failed", "The command took longer than 30 s and was ended.")], "delivery")
    async with open_console(screen="deliveries") as console:
        await console.until_seen("crm")
        await console.press("enter")
        await console.until_seen("The command took longer than 30 s and was ended.")
        await console.press("escape")
        await console.until_seen("1 delivery")


async def test_a_hand_off_says_how_many_wait(open_console: Opener, handles: Handles) -> None:
    store(handles, [*crm(), offered(1, "waiting"), offered(2, "waiting")], "delivery")
    async with open_console(screen="handoffs") as console:
        await console.until_seen("crm: 2 to be taken.")
