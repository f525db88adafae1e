"""Bcc recipients: each has a copy and a result of its own, and the message's state is none of theirs."""

import pytest

from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    make_due,
    put,
    recipients,
    rows,
    states,
)
from tests.servers.smtp import Phase


@pytest.mark.parametrize(
    ("reply", "expected"), [("550 5.1.1 no", "failed"), ("450 4.2.0 later", "deferred"), (None, "sent")]
)
def test_a_bcc_recipient_has_its_own_result_and_leaves_the_message_alone(handles, smtp_sink, reply, expected):
    add_mailbox(handles, "main", smtp_sink, bcc=["archive@example.org", "bob@example.net"])
    if reply:
        smtp_sink.rule(Phase.RCPT, reply, matching="archive@")
    put(handles, notify=True)

    assert deliver_due(handles, timeouts=QUICK).sent == 1

    assert states(handles) == ["sent"]
    archive = recipients(handles)["archive@example.org"]
    assert (archive.state, archive.is_bcc) == (expected, True)
    [delivered] = smtp_sink.deliveries
    assert delivered.recipients == (
        ("bob@example.net", "archive@example.org") if reply is None else ("bob@example.net",)
    )
    assert b"archive@" not in delivered.raw


def test_a_bcc_recipient_gets_one_copy_though_the_message_takes_two_rounds(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink, bcc=["archive@example.org"])
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", matching="slow@", first=1)
    put(handles, to=("quick@example.net", "slow@example.net"))
    deliver_due(handles, timeouts=QUICK)
    make_due(handles)
    deliver_due(handles, timeouts=QUICK)
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [
        ("quick@example.net", "archive@example.org"),
        ("slow@example.net",),
    ]
    assert states(handles) == ["sent"]


def test_a_bcc_recipient_that_is_to_come_later_goes_on_when_its_message_is_over(handles, smtp_sink):
    key = add_mailbox(handles, "main", smtp_sink, bcc=["archive@example.org", "log@example.org"])
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", matching="archive@", first=2)
    put(handles, notify=True)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent"]

    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent", "queued"]
    for _ in range(2):
        make_due(handles)
        deliver_due(handles, timeouts=QUICK)

    first, copy = rows(handles)
    assert (first.state, copy.state, copy.mailbox_id, copy.attempts) == ("sent", "sent", key, 2)
    assert (copy.message_id, copy.created_at) == (first.message_id, first.created_at)
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [
        ("bob@example.net", "log@example.org"),
        ("archive@example.org",),
    ]
    assert first.message_id.encode() in smtp_sink.deliveries[1].raw
