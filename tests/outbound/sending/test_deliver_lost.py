"""Workers that stop, are lost or stumble: what they had in hand is found by the next, and nothing is sent twice unsaid."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from core import clock
from core.db.bulk import table_of
from core.models import OutgoingMessage, OutgoingState
from core.outbound.sending.deliver import deliver_due
from core.outbox.reap import LOST, LOST_HANDING_OVER
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    change,
    mail,
    put,
    rows,
    states,
)
from tests.servers.smtp import Action, Phase


def test_a_stop_finishes_the_message_that_is_begun_and_gives_back_the_rest(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 60)
    stop = threading.Event()
    taken = smtp_sink.keep

    def keep(delivered):
        taken(delivered)
        stop.set()

    smtp_sink.keep = keep
    summary = deliver_due(handles, timeouts=QUICK, stop=stop, couriers=1)

    assert summary.sent == len(smtp_sink.deliveries) == states(handles).count("sent")
    assert 1 <= summary.sent < 60
    assert states(handles).count("queued") == 60 - summary.sent
    assert not any(row.handing_over or row.lease_until for row in rows(handles))
    assert deliver_due(handles, timeouts=QUICK).sent == 60 - summary.sent
    assert len(smtp_sink.deliveries) == 60


def expire_leases(handles, **values) -> None:
    """As if a worker had taken all messages, and was lost."""
    past = clock.utcnow() - timedelta(minutes=5)
    change(handles, OutgoingMessage, state="sending", lease_owner="lost", lease_until=past, fence=7, **values)


def test_a_message_of_a_lost_worker_goes_back_and_is_sent(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    expire_leases(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert rows(handles)[0].fence == 9
    assert LOST == "The worker was lost."


@pytest.mark.parametrize("held", [[], [True]], ids=["when it is its turn", "once those before it are through"])
def test_nothing_is_handed_over_when_the_claim_may_run_out_meanwhile(handles, smtp_sink, monkeypatch, held):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    with monkeypatch.context() as patched:
        patched.setattr(handles.renewer, "outlives", lambda lease, seconds: bool(held and held.pop()))
        deliver_due(handles, timeouts=QUICK)
    assert (smtp_sink.deliveries, attempts(handles), states(handles)) == ([], [], ["sending"])


def test_a_message_of_a_worker_lost_while_handing_over_is_uncertain_and_not_sent_in_this_pass(handles, smtp_sink):
    key = add_mailbox(handles, "main", smtp_sink)
    put(handles)
    expire_leases(handles, handing_over=True, sent_by_id=key)

    told = []
    assert deliver_due(handles, timeouts=QUICK, log=told.append).uncertain == 1
    assert [(one.state, one.mailbox, one.recipients, one.text) for one in told] == [
        ("uncertain", "main", 1, LOST_HANDING_OVER)
    ]

    [row] = rows(handles)
    assert (row.state, row.last_error, row.attempts) == ("uncertain", LOST_HANDING_OVER, 1)
    assert row.next_attempt_at > clock.utcnow() + timedelta(seconds=40)
    assert not smtp_sink.deliveries
    [attempt] = attempts(handles)
    assert (attempt.outcome, attempt.mailbox) == ("uncertain", "main")


def test_a_worker_whose_claim_was_taken_over_writes_nothing_and_sends_no_further(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 30)
    table = table_of(OutgoingMessage)
    taken = smtp_sink.keep

    def keep(delivered):
        # While the first window is on its way another worker takes everything over.
        if not smtp_sink.deliveries:
            taken_over = update(table).values(fence=table.c.fence + 1, lease_owner="another")
            handles.database.writing(lambda session: session.connection().execute(taken_over))
        taken(delivered)

    smtp_sink.keep = keep
    summary = deliver_due(handles, timeouts=QUICK, couriers=1)

    assert summary.sent == 0
    assert set(states(handles)) == {"sending"}
    assert {row.lease_owner for row in rows(handles)} == {"another"}
    assert attempts(handles) == []
    # No more than the window that was on its way.
    assert len(smtp_sink.deliveries) <= 16


def test_messages_are_marked_durably_before_the_first_data_and_unmarked_when_settled(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 60)
    seen = []
    taken = smtp_sink.keep

    def keep(delivered):
        marked = [row.message_id for row in rows(handles) if row.handing_over]
        seen.append((any(each.encode() in delivered.raw for each in marked), len(marked)))
        taken(delivered)

    smtp_sink.keep = keep
    deliver_due(handles, timeouts=QUICK, couriers=1)

    assert [is_marked for is_marked, _ in seen] == [True] * 60
    # If the worker is lost, no more than these are uncertain.
    assert max(count for _, count in seen) <= 16
    assert not any(row.handing_over for row in rows(handles))


def test_a_fault_of_ours_ends_the_pass_and_leaves_what_was_handed_over_to_its_lease(handles, smtp_sink, monkeypatch):
    from core import failpoints
    from core.outbound.sending import book

    add_mailbox(handles, "main", smtp_sink)
    put(handles, 2)
    armed = failpoints.Failpoints(failpoints.read_orders("K13:raise@2"))
    monkeypatch.setattr(book, "fp", armed.passing)

    with pytest.raises(failpoints.FailpointReached):
        deliver_due(handles, timeouts=QUICK)

    assert [(row.state, row.handing_over) for row in rows(handles)] == [("sending", True)] * 2
    assert len(smtp_sink.deliveries) == 2


def test_a_message_in_the_hands_of_a_hanging_relay_is_uncertain_after_the_deadline(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.DOT, Action.TAKE_THEN_HANG, first=1)
    put(handles, 3)
    summary = deliver_due(handles, timeouts=replace(QUICK, settle=2.0), couriers=1)
    assert (summary.uncertain, summary.sent) == (1, 2)
    assert sorted(states(handles)) == [OutgoingState.SENT, OutgoingState.SENT, OutgoingState.UNCERTAIN]


def test_after_a_fault_of_ours_leases_are_renewed_no_more(handles, smtp_sink, monkeypatch):
    from core import failpoints
    from core.outbound.sending import book

    add_mailbox(handles, "main", smtp_sink)
    put(handles, 40)
    armed = failpoints.Failpoints(failpoints.read_orders("K13:raise@2"))
    monkeypatch.setattr(book, "fp", armed.passing)
    with pytest.raises(failpoints.FailpointReached):
        deliver_due(handles, timeouts=QUICK, couriers=1)
    assert handles.renewer._held == {}
    # What was not in one of the two windows is given back at once.
    assert states(handles).count("queued") >= 24


def test_a_message_our_code_stumbles_over_waits_for_a_person_and_stops_nobody(handles, smtp_sink, monkeypatch):
    from core.outbound.sending import parcel

    add_mailbox(handles, "main", smtp_sink)
    put(handles, raw=mail("bad"))
    put(handles, raw=mail("good"))
    real = parcel.compose

    def stumbling(raw, *args, **named):
        if b"bad" in raw:
            raise LookupError("unknown encoding")
        return real(raw, *args, **named)

    monkeypatch.setattr(parcel, "compose", stumbling)
    summary = deliver_due(handles, timeouts=QUICK)
    assert (summary.held, summary.sent, states(handles)) == (1, 1, ["held", "sent"])
