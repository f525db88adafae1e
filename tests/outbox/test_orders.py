"""What a person may order of messages that wait."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from core import clock
from core.models import OutgoingMessage, Recipient
from core.outbox import orders
from tests.outbound.world import change, put, recipients, rows, states

STATES = ["queued", "sending", "sent", "deferred", "uncertain", "failed", "expired", "cancelled", "held"]


def in_state(handles, state: str) -> int:
    put(handles)
    later = clock.utcnow() + timedelta(hours=1)
    change(handles, OutgoingMessage, state=state, next_attempt_at=later, attempts=1)
    change(handles, Recipient, state="queued" if state == "sending" else state)
    return rows(handles)[0].id


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("order", "concerns", "to"),
    [
        (orders.retry, {"queued", "deferred", "uncertain"}, None),
        (orders.cancel, {"queued", "deferred", "uncertain", "held"}, "cancelled"),
        (orders.hold, {"queued", "deferred", "uncertain"}, "held"),
        (orders.release, {"held"}, "queued"),
    ],
    ids=["retry", "cancel", "hold", "release"],
)
def test_an_order_concerns_what_waits_and_nothing_else(handles, state, order, concerns, to):
    key = in_state(handles, state)
    done = order(handles, [key])
    expected = (to or state) if state in concerns else state
    assert done == ([key] if state in concerns else [])
    assert states(handles) == [expected]
    if state != "sending":
        assert recipients(handles)["bob@example.net"].state == expected
    is_due = rows(handles)[0].next_attempt_at <= clock.utcnow()
    assert is_due == (state in concerns and order in (orders.retry, orders.release))


def test_without_ids_it_concerns_all_that_wait(handles):
    put(handles, 3)
    assert orders.hold(handles) == [row.id for row in rows(handles)]
    assert orders.release(handles, [rows(handles)[1].id]) == [rows(handles)[1].id]
    assert states(handles) == ["held", "queued", "held"]
    assert len(orders.cancel(handles)) == 3


def test_however_many_are_held_or_released_no_transaction_is_long(handles):
    put(handles, 1100)
    named: list[int] = []
    written: list[int] = [0]

    def look(_connection, _cursor, statement, given, *_):
        named.append(len(given))
        if statement.startswith("UPDATE outgoing_message"):
            written[-1] += len(given)

    writers = handles.database._writers
    event.listen(writers, "before_cursor_execute", look)
    event.listen(writers, "commit", lambda _connection: written.append(0))

    assert orders.hold_what_waits(handles, "all is held") == 1100
    assert orders.release_what_was_held(handles, "all is held") == 1100

    assert max(named) < 600  # PostgreSQL takes no more than 65,535 values
    assert len([values for values in written if values > 1]) == 6  # 500, 500 and 100, twice
    assert set(states(handles)) == {"queued"}


def test_what_a_worker_takes_meanwhile_is_not_held_under_its_hands(handles, monkeypatch):
    put(handles, 2)
    first, second = (row.id for row in rows(handles))
    asked = orders._concerned

    def taken_after(session, order):
        found = asked(session, order)
        handles.database.writing(lambda session: session.get(OutgoingMessage, second).__setattr__("state", "sending"))
        return found

    monkeypatch.setattr(orders, "_concerned", taken_after)
    assert orders.hold(handles) == [first]
    assert states(handles) == ["held", "sending"]


def test_a_scheduled_message_that_was_held_keeps_its_time(handles):
    later = clock.utcnow() + timedelta(hours=1)
    put(handles, not_before=later)
    orders.hold(handles)
    orders.release(handles)
    assert rows(handles)[0].next_attempt_at == later


def test_what_is_released_begins_its_lifetime_anew(handles):
    put(handles)
    long_ago = clock.utcnow() - timedelta(days=9)
    change(handles, OutgoingMessage, created_at=long_ago, next_attempt_at=long_ago, last_error="All mail is held.")
    orders.hold(handles)
    began = clock.utcnow()

    orders.release(handles)

    [row] = rows(handles)
    assert began <= row.first_due_at <= clock.utcnow()
    # Nor is it taken for held by a setting when somebody holds it again.
    assert row.last_error == ""


def test_trying_all_again_leaves_a_scheduled_message_its_time(handles):
    later = clock.utcnow() + timedelta(hours=1)
    put(handles, not_before=later)
    assert orders.retry(handles) == []
    assert rows(handles)[0].next_attempt_at == later
    assert orders.retry(handles, [rows(handles)[0].id]) == [rows(handles)[0].id]


def test_a_sent_recipient_stays_sent_when_the_rest_is_cancelled(handles):
    put(handles, to=("a@example.net", "b@example.net"))

    def first_is_sent(session):
        session.get(Recipient, recipients(handles)["a@example.net"].id).state = "sent"

    handles.database.writing(first_is_sent)
    orders.cancel(handles)
    assert [row.state for row in recipients(handles).values()] == ["sent", "cancelled"]
