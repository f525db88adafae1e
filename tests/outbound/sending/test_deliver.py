"""Messages leave the outbox, each once, and the outbox says what became of them."""

from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import QUICK, add_mailbox, attempts, put, recipients, rows, states, subjects


def test_a_queued_message_is_sent_and_settled(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    [message_id] = put(handles)

    summary = deliver_due(handles, timeouts=QUICK)

    assert summary.as_dict() | {"seconds": 0} == {
        "sent": 1, "deferred": 0, "failed": 0, "expired": 0, "uncertain": 0, "held": 0, "seconds": 0,
    }  # fmt: skip
    [delivered] = smtp_sink.deliveries
    assert (delivered.sender, delivered.recipients) == ("alice@example.org", ("bob@example.net",))
    assert f"Message-ID: {message_id}".encode() in delivered.raw
    [row] = rows(handles)
    assert (row.state, row.attempts, row.lease_until, row.handing_over) == ("sent", 1, None, False)
    assert row.settled_at is not None
    assert recipients(handles)["bob@example.net"].state == "sent"
    [attempt] = attempts(handles)
    assert (attempt.mailbox, attempt.outcome, attempt.phase, attempt.reply_code) == ("main", "sent", "dot", 250)


def test_many_messages_leave_over_few_connections_each_once(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 150)
    told = []

    summary = deliver_due(handles, timeouts=QUICK, log=told.append)

    assert summary.sent == 150
    assert sorted(subjects(smtp_sink), key=int) == [str(number) for number in range(150)]
    assert smtp_sink.connections <= 4
    assert {delivery.state for delivery in told} == {"sent"}
    assert len(told) == 150
    assert set(states(handles)) == {"sent"}


def test_a_second_pass_sends_nothing(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 3)
    deliver_due(handles, timeouts=QUICK)

    assert deliver_due(handles, timeouts=QUICK).sent == 0
    assert len(smtp_sink.deliveries) == 3


def test_a_message_without_from_is_from_the_mailboxs_user_when_that_is_an_address(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink, username="desk@example.org")
    put(handles, raw=b"Subject: hello\r\n\r\nbody\r\n", sender=None)

    deliver_due(handles, timeouts=QUICK)

    [delivered] = smtp_sink.deliveries
    assert delivered.sender == "desk@example.org"
    assert b"From: desk@example.org\r\n" in delivered.raw


def test_a_message_that_names_no_sender_anywhere_is_from_this_machine_and_its_history_says_so(handles, smtp_sink):
    handles.host = "box.example.org"
    add_mailbox(handles, "main", smtp_sink)
    put(handles, raw=b"Subject: hello\r\n\r\nbody\r\n", sender=None)

    deliver_due(handles, timeouts=QUICK)

    [delivered] = smtp_sink.deliveries
    assert delivered.sender == "postroom@box.example.org"
    assert b"From: postroom@box.example.org\r\n" in delivered.raw
    [attempt] = attempts(handles)
    assert attempt.text.endswith(
        "From was missing, and mailbox main has no default sender: it is postroom@box.example.org."
    )
