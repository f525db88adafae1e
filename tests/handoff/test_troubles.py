"""Alerts about hand-offs: a receiver that takes nothing, and what was given up."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from core import clock
from core.handles import Handles
from core.handoff.troubles import Refused, tell_handoffs, trouble_of
from core.models import Alert, Delivery, Handoff
from core.services import deliveries
from core.services.actor import Actor
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound.world import change

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("minutes", "given_up", "told"),
    [
        (None, 0, None),
        (59, 0, None),
        (60, 0, "Hand-off crm: has not taken what was offered since 2026-06-01 11:00 UTC: refused"),
        (None, 2, "Hand-off crm: 2 deliveries were given up: postroom list delivery state:failed"),
    ],
)
def test_when_a_person_is_told(minutes: float | None, given_up: int, told: str | None) -> None:
    since = None if minutes is None else NOON - timedelta(minutes=minutes)
    assert trouble_of(Refused("crm", since, given_up, "refused"), NOON, HOUR) == told


def add(handles: Handles, **values: object) -> int:
    def work(session: Session) -> int:
        now = clock.utcnow()
        handoff = Handoff(name="crm", command="/bin/false", created_at=now, updated_at=now)
        session.add(handoff)
        session.flush()
        given = {"created_at": now - 2 * HOUR, "next_attempt_at": now, "attempts": 3, "last_error": "refused"}
        row = Delivery(handoff_id=handoff.id, record_id=1, message_id=1, event="record", **{**given, **values})
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id

    return handles.database.writing(work)


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    tell_handoffs(handles)
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


def test_a_receiver_that_takes_nothing_is_told_of_until_it_does(handles: Handles) -> None:
    add(handles)
    assert alerts(handles) == [("handoff:crm", True)]
    change(handles, Delivery, state="delivered")
    assert alerts(handles) == [("handoff:crm", False)]


@ON_SQLITE
def test_what_was_not_offered_yet_is_nobodys_trouble(handles: Handles) -> None:
    add(handles, attempts=0)
    assert alerts(handles) == []


@ON_SQLITE
def test_an_inactive_hand_off_troubles_nobody(handles: Handles) -> None:
    add(handles)
    change(handles, Handoff, active=False)
    assert alerts(handles) == []


@ON_SQLITE
def test_what_was_given_up_is_told_unless_a_person_did_it(handles: Handles, admin: Actor) -> None:
    delivery = add(handles, state="failed", settled_at=clock.utcnow())
    assert alerts(handles) == [("handoff:crm", True)]
    deliveries.retry(handles, admin, [delivery])
    deliveries.cancel(handles, admin, [delivery])
    assert alerts(handles) == [("handoff:crm", False)]
