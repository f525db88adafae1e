"""A sender that no mailbox may send for is an alert for a day: its mail fails, and the notices may reach nobody."""

from datetime import timedelta

from core import clock
from core.models import Alert
from core.outbound.refused_senders import MOST, tell_refused_senders
from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound.world import QUICK, add_mailbox, mail, put
from tests.servers.smtp import Phase

pytestmark = ON_SQLITE


def test_who_is_refused_by_all_is_told_for_a_day(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.DOT, "550 5.7.60 Not as this sender", matching="From: Boss")
    smtp_sink.rule(Phase.DOT, "554 5.6.0 spam", matching="From: news@")
    put(handles, 2, raw=mail("x", "Boss <Boss@example.org>"))
    put(handles, raw=mail("x", "news@example.org"))
    put(handles)
    deliver_due(handles, timeouts=QUICK)

    now = clock.utcnow()
    tell_refused_senders(handles, now)
    [alert] = rows_of(handles, Alert, "id")
    assert (alert.subject, alert.closed_at) == ("sender:boss@example.org", None)
    assert alert.text.startswith(
        "Mail from boss@example.org was refused: 2 messages failed. 550 5.7.60 Mailbox main may"
    )

    tell_refused_senders(handles, now + timedelta(days=2))
    assert rows_of(handles, Alert, "id")[0].closed_at is not None


def test_addresses_that_are_made_up_are_one_trouble_and_not_thousands(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.DOT, "550 5.7.60 Not as this sender")
    for number in range(MOST + 5):
        put(handles, raw=mail("x", f"user{number}@example.org"))
    deliver_due(handles, timeouts=QUICK)
    for _ in range(2):
        tell_refused_senders(handles, clock.utcnow())
    assert len(rows_of(handles, Alert, "id")) == MOST
