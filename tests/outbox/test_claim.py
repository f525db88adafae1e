"""Taking messages: each by one worker alone, urgent first, given back as they were."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from core import clock
from core.db.alike import database_time
from core.db.bulk import table_of
from core.models import OutgoingMessage, Recipient
from core.outbox.claim import HandingOver, give_back, hand_over, lease_end, take
from core.outbox.due import due_messages, is_any_due
from core.outbox.reap import reap
from tests.outbound.world import change, put, recipients, rows, states


def claimed(handles, limit=100, owner="me", seconds=60.0):
    """Take what is due; gives back the leases by row."""

    def work(session):
        now = database_time(session)
        due = due_messages(session, now, now, limit)
        return take(session, due, owner, lease_end(now, seconds))

    return handles.database.writing(work)


def ids(handles, now, pass_began, limit=9):
    return handles.database.writing(lambda session: [one.id for one in due_messages(session, now, pass_began, limit)])


def change_one(handles, key, **values):
    table = table_of(OutgoingMessage)
    changed = update(table).where(table.c.id == key).values(**values)
    handles.database.writing(lambda session: session.connection().execute(changed) and None)


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


def test_whatever_their_states_the_longest_due_come_first_and_no_more_than_asked_for(handles):
    now = clock.utcnow()
    for state, ago in (("uncertain", 10), ("deferred", 30), ("queued", 20)):
        put(handles)
        key = rows(handles)[-1].id
        change_one(handles, key, state=state, next_attempt_at=now - timedelta(seconds=ago))
    first, second, third = (row.id for row in rows(handles))
    found = [ids(handles, now, now, most) for most in (2, 9)]
    assert found == [[second, third], [second, third, first]]


def test_a_pass_tries_nothing_twice(handles):
    began = clock.utcnow() + timedelta(seconds=10)
    put(handles)
    change(handles, OutgoingMessage, state="deferred", next_attempt_at=began)
    assert ids(handles, began, began) == [rows(handles)[0].id]

    change(handles, OutgoingMessage, next_attempt_at=began + timedelta(seconds=1))
    now = began + timedelta(seconds=5)
    assert ids(handles, now, began) == []
    assert not handles.database.writing(lambda session: is_any_due(session, now, began))
    assert handles.database.writing(lambda session: is_any_due(session, now, now))


def test_a_copy_that_waits_is_not_whom_the_message_waits_for(handles):
    put(handles, to=("bob@example.net", "copy@example.org"))
    copy = recipients(handles)["copy@example.org"].id
    table = table_of(Recipient)
    late = update(table).where(table.c.id == copy).values(is_bcc=True, state="deferred")
    handles.database.writing(lambda session: session.connection().execute(late) and None)
    now = clock.utcnow() + timedelta(minutes=1)
    [due] = handles.database.writing(lambda session: due_messages(session, now, now, 9))
    assert ([one.address for one in due.pending], len(due.recipients)) == (["bob@example.net"], 2)

    handles.database.writing(lambda session: give_back(session, list(take(session, [due], "me", now).values())))
    assert states(handles) == ["queued"]


def test_the_part_in_hand_is_marked_by_whom_it_is_and_forgotten_with_the_claim(handles):
    put(handles)
    [lost] = claimed(handles, seconds=-5).values()
    handles.database.writing(lambda session: hand_over(session, [HandingOver(lost, 7, (1, 2))]))
    [row] = rows(handles)
    assert (row.in_hand_from, row.in_hand_to, row.sent_by_id) == (1, 2, 7)

    handles.database.writing(lambda session: give_back(session, [lost]))
    claimed(handles)
    handles.database.writing(lambda session: hand_over(session, [HandingOver(lost, 7, (3, 4))]))
    [row] = rows(handles)
    assert (row.in_hand_from, row.in_hand_to, row.handing_over) == (None, None, False)


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
