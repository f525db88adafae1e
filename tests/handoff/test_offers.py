"""What is offered to whom, and as it is when it is delivered."""

from typing import Any

import pytest
from sqlalchemy import update

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Delivery, Queue, Record
from core.services import records
from core.services.actor import Actor
from tests.accounts import message, rows_of
from tests.handoff.handing_over import ANSWER, hand_in, hand_over, handoff, posting, states
from tests.handoff.receiver import Receiver
from tests.services.worlds import add

pytestmark = pytest.mark.usefixtures("account")


def test_without_hand_offs_nothing_is_noted(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin, active=False)
    hand_in(handles, admin, message(1))
    assert states(handles) == []


def test_only_records_are_offered_not_what_is_ignored_or_a_bounce(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    add(handles, admin, "filter", "spam", set={"X-OTOBO-Ignore": "yes"})
    hand_in(handles, admin, message(1, "Subject: invoice"), message(2))
    assert len(states(handles)) == 1


@pytest.mark.parametrize(
    ("queues", "types", "offered"),
    [([], [], 2), (["Raw"], [], 2), (["Junk"], [], 0), ([], ["Ticket"], 2), ([], ["Grievance"], 0), (["Raw", "Junk"], ["Ticket"], 2)],
)  # fmt: skip
def test_a_hand_off_chooses_by_queue_and_record_type(
    handles: Handles, admin: Actor, queues: list[str], types: list[str], offered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inbound.record_types.names", lambda: ("Ticket", "Grievance"))
    handoff(handles, admin, queues=queues, types=types)
    hand_in(handles, admin, message(1))
    hand_in(handles, admin, message(2, *ANSWER))
    assert len(states(handles)) == offered


def test_a_record_that_is_gone_is_told_of_no_more(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    hand_in(handles, admin, message(1))

    def forget(session: Any) -> None:
        session.connection().execute(update(table_of(Delivery)).values(record_id=99))

    handles.database.writing(forget)
    hand_over(handles)
    assert states(handles) == [("failed", 0)]


def test_a_released_message_is_offered_too(handles: Handles, admin: Actor) -> None:
    from core.services import quarantine

    handoff(handles, admin)
    add(handles, admin, "address", "support@example.com")
    ours = message(1, "From: <support@example.com>", "Auto-Submitted: auto-replied")
    hand_in(handles, admin, ours)
    assert states(handles) == []
    quarantine.release(handles, admin, 1, "Junk")
    assert states(handles) == [("waiting", 0)]


def test_records_changed_by_hand_are_told_as_they_are_when_delivered(handles: Handles, admin: Actor) -> None:
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1))
        (record,) = rows_of(handles, Record, "id")
        records.change(handles, admin, record.number, {"queue": "Junk"})
        hand_over(handles)
    assert receiver.posted[0].document["record"]["queue"] == "Junk"
    assert {row.name for row in rows_of(handles, Queue, "id")} >= {"Raw", "Junk"}
