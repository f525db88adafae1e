"""A message's life beside the wire: lifetimes, notices, holding, lanes."""

import threading
from datetime import timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.models import OutgoingMessage, OutgoingRaw
from core.outbound.sending import deliver
from core.outbound.sending.deliver import HELD_BY_SETTING, deliver_due
from core.outbound.sending.waiting_room import WaitingRoom
from core.outbox import orders
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    change,
    mail,
    make_due,
    put,
    recipients,
    rows,
    set_setting,
    states,
    subjects,
)
from tests.servers.smtp import Action, Phase
from tests.waiting import PATIENCE


def test_a_message_that_comes_too_late_is_not_sent(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, expires_at=clock.utcnow() + timedelta(hours=1))
    change(handles, OutgoingMessage, expires_at=clock.utcnow() - timedelta(seconds=1))

    assert deliver_due(handles, timeouts=QUICK).expired == 1

    assert (states(handles), smtp_sink.deliveries) == (["expired"], [])
    assert recipients(handles)["bob@example.net"].state == "expired"


def test_a_scheduled_message_waits_for_its_time(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, not_before=clock.utcnow() + timedelta(hours=1))
    assert deliver_due(handles, timeouts=QUICK).sent == 0
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_a_message_without_a_date_has_the_same_one_at_every_try(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    written = clock.utcnow() - timedelta(days=2)
    change(handles, OutgoingMessage, created_at=written)
    smtp_sink.rule(Phase.DOT, Action.TAKE_THEN_DROP, first=1)
    assert deliver_due(handles, timeouts=QUICK).uncertain == 1
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1

    dated = f"Date: {format_datetime(written.replace(microsecond=0))}\r\n".encode()
    assert [dated in delivered.raw for delivered in smtp_sink.deliveries] == [True, True]


def test_a_time_that_is_over_is_no_schedule(handles):
    put(handles, not_before=clock.utcnow() - timedelta(days=30))

    [row] = rows(handles)
    assert row.first_due_at is None
    assert row.next_attempt_at == row.created_at


def test_the_lifetime_of_a_scheduled_message_begins_at_its_time(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "450 4.2.0 Later", first=1)
    now = clock.utcnow()
    put(handles, not_before=now + timedelta(hours=1))
    # It was handed in six days ago for now; five is as long as mail lives.
    change(handles, OutgoingMessage, created_at=now - timedelta(days=6), first_due_at=now, next_attempt_at=now)

    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_each_failed_round_waits_longer_and_its_numbers_grow_by_one(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "450 4.2.0 later")
    put(handles)
    waits = []
    for _ in range(4):
        began = clock.utcnow()
        deliver_due(handles, timeouts=QUICK)
        [row] = rows(handles)
        waits.append([(row.next_attempt_at - moment).total_seconds() for moment in (began, clock.utcnow())])
        make_due(handles)
    # 1, 2, 4 and 8 minutes, each less up to a quarter.
    for round_, (longest, shortest) in enumerate(waits):
        assert longest >= 0.75 * 60 * 2**round_, waits
        assert shortest <= 60 * 2**round_, waits
    assert [attempt.number for attempt in attempts(handles)] == [1, 2, 3, 4]


def test_at_the_end_of_its_lifetime_it_has_a_last_try_then_fails_and_the_sender_is_told(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink, default_sender="post@example.org")
    smtp_sink.rule(Phase.RCPT, "450 4.2.0 mailbox full", matching="bob@")
    put(handles, raw=mail("Offer"), notify=True)
    change(handles, OutgoingMessage, created_at=clock.utcnow() - timedelta(days=6))

    summary = deliver_due(handles, timeouts=QUICK)

    failed, notice = rows(handles)
    assert (failed.state, notice.sender, notice.has_sender, notice.notify) == ("failed", "", True, False)
    assert "5 days" in failed.last_error
    assert "mailbox full" in failed.last_error
    assert (summary.failed, smtp_sink.hits[Phase.RCPT]) == (1, 2 if summary.sent else 1)
    deliver_due(handles, timeouts=QUICK)
    [delivered] = smtp_sink.deliveries
    assert (delivered.sender, delivered.recipients) == ("", ("alice@example.org",))
    assert b"From: Mail Delivery System <post@example.org>" in delivered.raw
    assert b"multipart/report" in delivered.raw
    assert b"bob@example.net" in delivered.raw


def test_a_clock_that_jumps_ahead_fails_nothing_for_an_hour(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "450 4.2.0 busy")
    put(handles, notify=True)
    ten_days_ago = clock.utcnow() - timedelta(days=10)
    change(handles, OutgoingMessage, created_at=ten_days_ago, next_attempt_at=ten_days_ago)
    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    [waiting] = rows(handles)
    assert waiting.next_attempt_at > clock.utcnow() + timedelta(minutes=30)
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).failed == 1


@pytest.mark.parametrize("ends_at", ["the claim", "the last mailbox"])
def test_a_notice_names_the_message_though_no_relay_had_it(handles, smtp_sink, ends_at):
    """It is made where the message's bytes are not at hand."""
    add_mailbox(handles, "main", smtp_sink, max_size=10 if ends_at == "the claim" else 0)
    put(handles, raw=mail("Offer"), notify=True)
    change(handles, OutgoingMessage, created_at=clock.utcnow() - timedelta(days=6))
    smtp_sink.rule(Phase.MAIL, "421 4.3.2 not now", matching="alice@")

    assert deliver_due(handles, timeouts=QUICK).failed >= 1

    with handles.database.reading() as session:
        _, notice = session.connection().scalars(select(table_of(OutgoingRaw).c.data).order_by("outgoing_id"))
    assert b"Subject: Not delivered: Offer\r\n" in notice
    assert b"To: bob@example.net" in notice


def test_a_notice_about_a_scheduled_message_says_when_it_was_handed_in(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink, default_sender="post@example.org")
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 nobody", matching="bob@")
    put(handles, raw=mail("Offer"), notify=True)
    now = clock.utcnow()
    handed_in = now - timedelta(days=40)
    change(handles, OutgoingMessage, created_at=handed_in, first_due_at=now)

    deliver_due(handles, timeouts=QUICK)
    deliver_due(handles, timeouts=QUICK)

    [delivered] = smtp_sink.deliveries
    assert f"Arrival-Date: {format_datetime(handed_in.replace(microsecond=0))}".encode() in delivered.raw


def test_a_notice_that_comes_up_while_the_pass_looks_for_more_leaves_with_it(handles, smtp_sink, monkeypatch):
    add_mailbox(handles, "main", smtp_sink, default_sender="post@example.org")
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 nobody", matching="bob@")
    put(handles, notify=True)
    is_settled = threading.Event()
    done, claim = WaitingRoom.done, deliver.claim

    def told(room, jobs):
        done(room, jobs)
        if not room.in_hand:
            is_settled.set()

    def late(*given):
        taken = claim(*given)
        assert not taken.is_empty or is_settled.wait(PATIENCE)
        return taken

    monkeypatch.setattr(WaitingRoom, "done", told)
    monkeypatch.setattr(deliver, "claim", late)
    summary = deliver_due(handles, timeouts=QUICK)
    assert (summary.failed, summary.sent) == (1, 1)


@pytest.mark.parametrize(
    ("envelope", "setting"),
    [({"notify": False}, True), ({"notify": True, "sender": ""}, True), ({"notify": True}, False)],
    ids=["off for the message", "null sender", "off by setting"],
)
def test_nobody_is_told_of_a_failure_when_not_wanted(handles, smtp_sink, envelope, setting):
    set_setting(handles, "retry.notify", setting)
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user")
    put(handles, **envelope)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["failed"]


def test_one_notice_names_all_that_failed_and_nobody_else(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user", matching="(a|b)@")
    put(handles, to=("a@example.net", "b@example.net", "c@example.net"), notify=True)
    deliver_due(handles, timeouts=QUICK)
    deliver_due(handles, timeouts=QUICK)
    [notice] = [delivered.raw for delivered in smtp_sink.deliveries if delivered.sender == ""]
    assert notice.count(b"Final-Recipient:") == 2
    assert b"c@example.net" not in notice


def test_a_failing_notice_makes_no_notice(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user")
    put(handles, notify=True)
    for _ in range(3):
        deliver_due(handles, timeouts=QUICK)
        make_due(handles)
    assert states(handles) == ["failed", "failed"]


def test_hold_all_stops_a_pass_that_is_under_way(handles, smtp_sink, monkeypatch):
    from core.outbound.sending import deliver as module

    monkeypatch.setattr(module, "SETTINGS_HOLD", 0.0)
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 300)
    told = []

    def hold(delivery):
        if not told:
            set_setting(handles, "hold_all", value=True)
        told.append(delivery)

    summary = deliver_due(handles, timeouts=QUICK, couriers=1, log=hold)

    assert 0 < summary.sent < 300
    assert summary.held == 300 - summary.sent
    assert states(handles) == ["sent"] * summary.sent + ["held"] * summary.held

    set_setting(handles, "hold_all", value=False)
    assert deliver_due(handles, timeouts=QUICK).sent == summary.held


def test_while_all_mail_is_held_nothing_leaves_and_afterwards_it_goes_on_by_itself(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    set_setting(handles, "hold_all", True)
    put(handles, 2)
    put(handles, raw=mail("mine"))
    orders.hold(handles, [rows(handles)[2].id])

    assert deliver_due(handles, timeouts=QUICK).held == 2
    assert states(handles) == ["held"] * 3
    assert rows(handles)[0].last_error == HELD_BY_SETTING
    assert deliver_due(handles, timeouts=QUICK).held == 0

    set_setting(handles, "hold_all", False)
    assert deliver_due(handles, timeouts=QUICK).sent == 2
    assert states(handles) == ["sent", "sent", "held"]


def test_the_staging_redirect_gets_all_mail_once_and_nobody_else_any(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink, bcc=["archive@example.org"])
    set_setting(handles, "staging_redirect", "stage@example.org")
    put(handles, to=("a@example.net", "b@example.net"))
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [("stage@example.org",)]
    assert {row.state for row in recipients(handles).values()} == {"sent"}


def test_urgent_messages_overtake_normal_ones_and_bulk_comes_last(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    for lane in ("bulk", "normal", "urgent"):
        put(handles, 20, raw=mail(lane), lane=lane)
    deliver_due(handles, timeouts=QUICK, couriers=1)

    sent = subjects(smtp_sink)
    assert sent[0] == "urgent"
    assert sent.count("urgent") == 20
    # Urgent mail has a connection of its own, so the last of it may leave beside the first of the rest.
    assert [lane for lane in sent if lane != "urgent"] == ["normal"] * 20 + ["bulk"] * 20


def test_the_states_of_recipients_say_what_the_message_says(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "451 4.3.0 not now", first=1)
    put(handles, to=("a@example.net",))
    deliver_due(handles, timeouts=QUICK)
    put(handles, to=("b@example.net",))
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["deferred", "deferred"]
    assert [row.state for row in recipients(handles).values()] == ["deferred", "deferred"]
