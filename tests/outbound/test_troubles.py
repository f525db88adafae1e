"""A mailbox that goes on failing is an alert, until it works again or a test of it passes."""

from core import clock
from core.models import Alert, Mailbox
from core.outbound.sending.deliver import deliver_due
from core.outbound.troubles import tell_mailboxes
from core.services.actor import Actor
from core.services.connection_tests.testing import test_mailbox as steps_of
from tests.accounts import rows_of
from tests.outbound.world import QUICK, add_mailbox, change, mailbox_status, make_due, put
from tests.servers.smtp import Phase


def told(handles) -> list[tuple[str, bool]]:
    tell_mailboxes(handles, clock.utcnow())
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


def fail(handles, times: int) -> None:
    for _ in range(times):
        make_due(handles)
        assert deliver_due(handles, timeouts=QUICK).deferred == 1


def test_three_failures_in_a_row_are_told_until_it_sends_again(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "451 4.3.0 Not now")
    put(handles)
    fail(handles, 2)
    assert told(handles) == []
    fail(handles, 1)
    assert told(handles) == [("mailbox:main", True)]
    text = rows_of(handles, Alert, "id")[0].text
    assert text.startswith("Mailbox main cannot send: 451 4.3.0 Not now. Its mail goes by")
    assert text.endswith("postroom test mailbox main")

    smtp_sink.clear_rules()
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert told(handles) == [("mailbox:main", False)]


def test_a_passed_test_closes_it_and_an_inactive_mailbox_has_none(handles, smtp_sink, admin: Actor):
    key = add_mailbox(handles, "main", smtp_sink, default_sender="a@example.org")
    smtp_sink.rule(Phase.MAIL, "451 4.3.0 Not now")
    put(handles)
    fail(handles, 3)
    change(handles, Mailbox, active=False)
    assert told(handles) == []
    change(handles, Mailbox, active=True)
    assert told(handles) == [("mailbox:main", True)]

    smtp_sink.clear_rules()
    assert all(step.ok for step in steps_of(handles, admin, "main"))
    assert told(handles) == [("mailbox:main", False)]
    status = mailbox_status(handles, key)
    assert (status.failures, status.cooling_until, status.last_error) == (0, None, "")
