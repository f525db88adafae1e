"""Taking messages: each by one worker alone, urgent first, given back as they were."""

import threading
from datetime import timedelta

import pytest

from core import clock
from core.db.alike import database_time
from core.models import OutgoingMessage, Recipient
from core.outbox.claim import HandingOver, due_messages, give_back, hand_over, lease_end, take
from core.outbox.reap import reap
from tests.outbound.world import change, put, rows, states


def claimed(handles, limit=100, owner="me", seconds=60.0):
    """Take what is due; gives back the leases by row."""

    def work(session):
        now = database_time(session)
        due = due_messages(session, now, now, limit)
        return take(session, due, owner, lease_end(now, seconds))

    return handles.database.writing(work)


def later(attempts, created_at, now):
    return now + timedelta(minutes=attempts)


def test_workers_at_once_never_take_the_same_message(handles):
    put(handles, 200)
    taken: list[int] = []

    def work():
        while batch := claimed(handles, 7, threading.current_thread().name):
            taken.extend(batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [row.id for row in rows(handles)]


def test_urgent_ones_come_first_then_whichever_waits_longest(handles):
    for lane in ("bulk", "normal", "urgent", "normal"):
        put(handles, lane=lane)
    now = clock.utcnow() + timedelta(minutes=1)
    found = handles.database.writing(lambda session: [due.id for due in due_messages(session, now, now, 3)])
    ids = [row.id for row in rows(handles)]
    assert found == [ids[2], ids[1], ids[3]]


def test_each_claim_has_the_next_fence(handles):
    put(handles)
    [first] = claimed(handles).values()
    handles.database.writing(lambda session: give_back(session, [first]))
    [second] = claimed(handles).values()
    assert second.fence > first.fence


@pytest.mark.parametrize("state", ["queued", "deferred", "uncertain"])
def test_what_is_given_back_is_as_it_was(handles, state):
    put(handles)
    change(handles, OutgoingMessage, state=state)
    change(handles, Recipient, state=state)
    [lease] = claimed(handles).values()
    assert states(handles) == ["sending"]
    handles.database.writing(lambda session: give_back(session, [lease]))
    [row] = rows(handles)
    assert (row.state, row.lease_owner, row.lease_until, row.handing_over) == (state, "", None, False)


@pytest.mark.parametrize("state", ["queued", "deferred", "uncertain"])
def test_what_its_worker_lost_before_handing_over_is_as_it_was(handles, state):
    put(handles)
    change(handles, OutgoingMessage, state=state)
    change(handles, Recipient, state=state)
    claimed(handles, seconds=-5)
    reaped = handles.database.writing(lambda session: reap(session, later, hold_uncertain=False))
    assert (reaped.given_back, reaped.uncertain) == (1, ())
    assert states(handles) == [state]


@pytest.mark.parametrize(("hold", "state"), [(False, "uncertain"), (True, "held")])
def test_what_its_worker_lost_while_handing_over_is_uncertain(handles, hold, state):
    [message_id] = put(handles)
    [lease] = claimed(handles, seconds=-5).values()
    handles.database.writing(lambda session: hand_over(session, [HandingOver(lease, 7)]))
    reaped = handles.database.writing(lambda session: reap(session, later, hold_uncertain=hold))
    assert reaped.uncertain == ((lease.key, message_id),)
    [row] = rows(handles)
    assert (row.state, row.attempts, row.handing_over) == (state, 1, False)
    assert row.uncertain_since is not None


def test_a_live_lease_is_left_alone(handles):
    put(handles)
    claimed(handles)
    reaped = handles.database.writing(lambda session: reap(session, later, hold_uncertain=False))
    assert (reaped.given_back, states(handles)) == (0, ["sending"])


def test_a_mark_holds_only_what_is_still_ours(handles):
    put(handles, 2)
    first, second = claimed(handles, seconds=-5).values()
    handles.database.writing(lambda session: give_back(session, [first]))
    window = [HandingOver(first, 7), HandingOver(second, 7)]
    marked = handles.database.writing(lambda session: hand_over(session, window))
    assert marked == {second.key}
    assert [row.handing_over for row in rows(handles)] == [False, True]
