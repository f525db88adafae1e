"""Who sends: turns in order, failovers, from-filters, and the attempts that say why."""

from collections import Counter

import pytest

from core.clock import utcnow
from core.models import Mailbox, Template
from core.outbound.sending.deliver import deliver_due
from core.outbound.sending.fault import Fault
from core.outbound.sending.waiting_room import WaitingRoom
from tests.outbound.world import QUICK, add_mailbox, attempts, change, mail, mailbox_status, make_due, put, rows


def sent_by(handles) -> list[str]:
    """Who sent the messages, in the order of their rows."""
    by_message = {attempt.outgoing_id: attempt.mailbox for attempt in attempts(handles) if attempt.outcome == "sent"}
    return [by_message[row.id] for row in rows(handles)]


def test_mailboxes_of_one_priority_take_turns_in_order_over_passes(handles, smtp_sink):
    for name in ("a", "b", "c"):
        add_mailbox(handles, name, smtp_sink)
    for count in (1, 4, 2):
        put(handles, count)
        deliver_due(handles, timeouts=QUICK)
    assert sent_by(handles) == ["a", "b", "c", "a", "b", "c", "a"]


def test_only_the_lowest_priority_number_takes_turns(handles, smtp_sink):
    add_mailbox(handles, "spare", smtp_sink, priority=20)
    add_mailbox(handles, "main", smtp_sink, priority=10)
    put(handles, 4)
    deliver_due(handles, timeouts=QUICK)
    assert sent_by(handles) == ["main"] * 4


def test_a_failover_takes_no_turn_and_inactive_mailboxes_none(handles, smtp_sink):
    spare = add_mailbox(handles, "spare", smtp_sink)
    add_mailbox(handles, "main", smtp_sink, failover=spare)
    add_mailbox(handles, "off", smtp_sink, active=False)
    put(handles, 3)
    deliver_due(handles, timeouts=QUICK)
    assert sent_by(handles) == ["main"] * 3


def test_two_groups_with_other_from_filters_use_all_four_equally(handles, smtp_sink):
    for name, domain in (("a1", "a.example"), ("a2", "a.example"), ("b1", "b.example"), ("b2", "b.example")):
        add_mailbox(handles, name, smtp_sink, from_filter=[domain])
    for number in range(20):
        put(handles, raw=mail(str(number), f"me@{'ab'[number % 2]}.example"))
    deliver_due(handles, timeouts=QUICK)
    assert Counter(sent_by(handles)) == {"a1": 5, "a2": 5, "b1": 5, "b2": 5}


def test_with_its_server_down_all_mail_of_a_mailbox_goes_out_by_the_failover_and_the_attempts_say_why(
    handles, smtp_sink, second_sink
):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    add_mailbox(handles, "down", smtp_sink, failover=spare)
    smtp_sink.stop()
    put(handles, 40)

    assert deliver_due(handles, timeouts=QUICK).sent == 40

    assert len(second_sink.deliveries) == 40
    of_each = Counter((attempt.mailbox, attempt.outcome) for attempt in attempts(handles))
    assert of_each[("spare", "sent")] == 40
    assert of_each[("down", "deferred")] + of_each[("down", "passed over")] == 40
    assert all(attempt.text for attempt in attempts(handles) if attempt.mailbox == "down")
    assert {row.sent_by_id for row in rows(handles)} == {spare}
    assert {attempt.number for attempt in attempts(handles)} == {1}


def test_a_cooling_mailbox_keeps_its_turn_and_its_failover_takes_it(handles, smtp_sink, second_sink):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    down = add_mailbox(handles, "down", smtp_sink, failover=spare)
    add_mailbox(handles, "peer", second_sink)
    smtp_sink.stop()
    put(handles, 2)
    deliver_due(handles, timeouts=QUICK)
    assert mailbox_status(handles, down).cooling_until is not None

    put(handles, 4)
    deliver_due(handles, timeouts=QUICK)

    assert sent_by(handles) == ["spare", "peer"] * 3
    passed_over = [attempt for attempt in attempts(handles) if attempt.outcome == "passed over"]
    assert len(passed_over) == 2
    assert all("cools down until" in attempt.text and "refused" in attempt.text.lower() for attempt in passed_over)


def test_a_failover_chain_is_followed_and_then_the_peers(handles, smtp_sink, second_sink):
    second = add_mailbox(handles, "second spare", smtp_sink, active=False)
    first = add_mailbox(handles, "first spare", smtp_sink, active=False, failover=second)
    add_mailbox(handles, "main", smtp_sink, failover=first)
    add_mailbox(handles, "peer", second_sink)
    smtp_sink.stop()
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert [(attempt.mailbox, attempt.outcome) for attempt in attempts(handles)] == [
        ("main", "deferred"),
        ("first spare", "deferred"),
        ("second spare", "deferred"),
        ("peer", "sent"),
    ]


def test_what_is_on_its_way_to_a_mailbox_that_goes_down_meanwhile_goes_on_from_there(
    handles, smtp_sink, second_sink, monkeypatch
):
    last = add_mailbox(handles, "last", second_sink, active=False)
    spare = add_mailbox(handles, "spare", smtp_sink, failover=last, active=False)
    add_mailbox(handles, "first", smtp_sink, failover=spare)
    smtp_sink.stop()
    put_in_room = WaitingRoom.put

    def goes_down_just_before(room, jobs):
        if room.fault_of(spare) is None:
            room.went_down(spare, Fault("connection reset", "connect"))
        put_in_room(room, jobs)

    monkeypatch.setattr(WaitingRoom, "put", goes_down_just_before)
    put(handles, 3)
    assert deliver_due(handles, timeouts=QUICK).sent == 3
    assert sent_by(handles) == ["last"] * 3
    assert [one.text for one in attempts(handles) if one.mailbox == "spare"] == ["connection reset"] * 3


def test_no_mailbox_at_all_defers_with_that_reason(handles):
    put(handles)
    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    [row] = rows(handles)
    assert (row.state, row.attempts) == ("deferred", 1)
    assert row.last_error.startswith("no mailbox")


@pytest.mark.parametrize("asked_for", ["", "main"])
def test_a_template_deleted_under_its_mailbox_defers_until_it_is_back(handles, smtp_sink, asked_for):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, mailbox=asked_for)
    change(handles, Template, deleted_at=utcnow())
    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    assert rows(handles)[0].last_error.startswith("no mailbox: ")
    assert not smtp_sink.deliveries

    change(handles, Template, deleted_at=None)
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_the_mailbox_that_was_asked_for_sends_and_takes_nobodys_turn(handles, smtp_sink):
    for name in ("a", "b"):
        add_mailbox(handles, name, smtp_sink)
    put(handles, 1, mailbox="b")
    put(handles, 2)
    put(handles, 1, mailbox="b")
    deliver_due(handles, timeouts=QUICK)
    assert sent_by(handles) == ["b", "a", "b", "b"]


def test_without_a_mailbox_for_its_from_the_lowest_priority_sends_with_from_replaced(handles, smtp_sink):
    add_mailbox(handles, "only", smtp_sink, from_filter=["b.example"], default_sender="post@b.example")
    put(handles, raw=mail("x", "me@a.example"), sender=None)
    deliver_due(handles, timeouts=QUICK)
    [delivered] = smtp_sink.deliveries
    assert delivered.sender == "post@b.example"
    assert b"From: post@b.example" in delivered.raw
    assert b"Reply-To: me@a.example" in delivered.raw
    assert "Taken; From me@a.example was replaced by" in attempts(handles)[0].text


def test_a_changed_mailbox_is_used_as_it_is_now(handles, smtp_sink, second_sink):
    key = add_mailbox(handles, "main", smtp_sink)
    put(handles)
    deliver_due(handles, timeouts=QUICK)

    def move(session):
        mailbox = session.get(Mailbox, key)
        template = session.get(Template, mailbox.template_id)
        template.smtp_port = second_sink.port
        template.version += 1

    handles.database.writing(move)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (len(smtp_sink.deliveries), len(second_sink.deliveries)) == (1, 1)


def test_the_fallback_port_is_tried_when_nothing_answers_at_the_first(handles, smtp_sink, second_sink):
    add_mailbox(
        handles, "main", smtp_sink, t_fallback=True, t_fallback_port=second_sink.port, t_fallback_security="none"
    )
    smtp_sink.stop()
    put(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert len(second_sink.deliveries) == 1
