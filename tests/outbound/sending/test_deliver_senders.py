"""A sender that a mailbox may not send for is that message's trouble alone: no other mail waits for it."""

import pytest

from core.clock import utcnow
from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_SQLITE
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    mail,
    mailbox_status,
    make_due,
    put,
    recipients,
    rows,
    states,
    subjects,
)
from tests.servers.smtp import Phase

pytestmark = ON_SQLITE

MAY_NOT = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"


def test_one_wrong_sender_among_many_fails_alone(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink, default_sender="desk@example.org")
    smtp_sink.rule(Phase.DOT, MAY_NOT, matching=r"(?s)^bob@.*From: boss@")
    put(handles, 4)
    put(handles, raw=mail("wrong", "boss@example.org"), sender="boss@example.org", notify=True)
    put(handles, 4)

    summary = deliver_due(handles, timeouts=QUICK)

    assert (summary.sent, summary.failed, summary.deferred) == (9, 1, 0), "eight, and the notice"
    assert subjects(smtp_sink)[:9] == [*"0123", *"0123", "Not delivered: wrong"]
    assert smtp_sink.deliveries[-1].recipients == ("boss@example.org",)
    status = mailbox_status(handles, main)
    assert (status.failures, status.cooling_until) == (0, None)
    [failed] = [row for row in rows(handles) if row.state == "failed"]
    assert failed.last_error.startswith("550 5.7.60 Mailbox main may not send for this sender: SMTP; Client does not")


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT])
def test_another_mailbox_that_may_sends_for_it(handles, smtp_sink, second_sink, phase):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    main = add_mailbox(handles, "main", smtp_sink, failover=spare)
    smtp_sink.rule(phase, MAY_NOT)
    put(handles, 2)

    assert deliver_due(handles, timeouts=QUICK).sent == 2

    assert [(each.mailbox, each.outcome) for each in attempts(handles)] == [
        *[("main", "deferred")] * 2,
        *[("spare", "sent")] * 2,
    ]
    assert mailbox_status(handles, main).cooling_until is None


def test_a_sender_that_is_refused_for_now_waits(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "451 4.1.8 Domain of sender address does not resolve", first=1)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (states(handles), mailbox_status(handles, main).failures) == (["deferred"], 0)
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_a_sender_waits_for_a_mailbox_that_only_cannot_now(handles, smtp_sink, second_sink):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    add_mailbox(handles, "main", smtp_sink, failover=spare)
    smtp_sink.rule(Phase.DOT, MAY_NOT)
    second_sink.rule(Phase.CONNECT, "421 4.3.2 not now")
    put(handles)
    for _ in range(2):  # the second time the spare one cools down
        deliver_due(handles, timeouts=QUICK)
        assert states(handles) == ["deferred"]
    second_sink.clear_rules()
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_a_mailbox_that_may_not_send_as_itself_cools_down(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink, default_sender="Desk <desk@example.org>", force_from=True)
    smtp_sink.rule(Phase.DOT, MAY_NOT)
    put(handles, sender=None)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["deferred"]
    assert mailbox_status(handles, main).cooling_until > utcnow()


def test_a_return_path_that_is_refused_is_the_mailboxs(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink, return_path="bounces+{token}@example.org")
    smtp_sink.rule(Phase.MAIL, "553 5.7.1 Sender address rejected: not owned by user main")
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (states(handles), mailbox_status(handles, main).failures) == (["deferred"], 1)


def test_a_days_limit_is_the_mailboxs_even_after_the_message(handles, smtp_sink, second_sink):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    main = add_mailbox(handles, "main", smtp_sink, failover=spare)
    smtp_sink.rule(Phase.DOT, "550 5.4.5 Daily user sending limit exceeded.")
    put(handles, 3)
    assert deliver_due(handles, timeouts=QUICK).sent == 3
    assert mailbox_status(handles, main).failures == 1


def test_a_null_sender_that_is_refused_stops_nobody(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink, default_sender="desk@example.org")
    smtp_sink.rule(Phase.MAIL, "550 5.1.7 Sender address rejected", matching="<>")
    put(handles, sender="")
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["failed", "sent"]
    assert recipients(handles)["bob@example.net"].state == "sent"
    assert mailbox_status(handles, main).failures == 0
