"""Nobody there to send: the message waits with that reason, an alert opens at once, and both pass when somebody is there."""

from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.models import Alert, Mailbox
from core.outbound import no_mailbox
from core.outbound.sending.deliver import deliver_due
from core.outbox import orders
from core.workers import sender as sender_module
from tests.outbound.world import QUICK, add_mailbox, change, put, rows, states
from tests.waiting import until
from tests.workers.working import at_work


def alerts(handles) -> list[tuple[str, bool]]:
    """Texts of this kind of alert, and whether each is open."""
    table = table_of(Alert)
    asked = select(table.c.text, table.c.closed_at).where(table.c.subject == no_mailbox.SUBJECT).order_by(table.c.id)
    with handles.database.reading() as session:
        return [(text, closed_at is None) for text, closed_at in session.connection().execute(asked)]


def test_an_alert_opens_at_once_and_passes_when_there_is_a_mailbox(handles, smtp_sink):
    put(handles, 3)
    assert deliver_due(handles, timeouts=QUICK).deferred == 3
    assert {row.last_error for row in rows(handles)} == {"no mailbox: none is active with a template that can send"}
    [(text, is_open)] = alerts(handles)
    assert is_open
    assert "no mailbox: none is active" in text

    # Still none: the same alert.
    deliver_due(handles, timeouts=QUICK)
    assert [is_open for _, is_open in alerts(handles)] == [True]

    add_mailbox(handles, "main", smtp_sink)
    # Though their back-off is not over.
    assert deliver_due(handles, timeouts=QUICK).sent == 3
    assert [is_open for _, is_open in alerts(handles)] == [False]


def test_the_mailbox_that_was_asked_for_must_be_there_itself(handles, smtp_sink):
    add_mailbox(handles, "asked", smtp_sink)
    put(handles, mailbox="asked")
    change(handles, Mailbox, active=False)
    add_mailbox(handles, "other", smtp_sink)
    deliver_due(handles, timeouts=QUICK)
    deliver_due(handles, timeouts=QUICK)
    assert (states(handles), [is_open for _, is_open in alerts(handles)]) == (["deferred"], [True])

    change(handles, Mailbox, active=True)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert [is_open for _, is_open in alerts(handles)] == [False]


def test_what_was_handed_in_for_a_mailbox_that_is_deleted_goes_by_another_once_a_person_says_so(handles, smtp_sink):
    add_mailbox(handles, "asked", smtp_sink)
    put(handles, mailbox="asked")
    change(handles, Mailbox, deleted_at=clock.utcnow())
    add_mailbox(handles, "other", smtp_sink)
    for order in (orders.retry, orders.retry):
        assert deliver_due(handles, timeouts=QUICK).sent == 0, "nobody else takes it by itself"
        order(handles)
    [(text, is_open)] = alerts(handles)
    assert (is_open, "postroom outbox hold ID, then postroom outbox release ID" in text) == (True, True)

    orders.hold(handles)
    orders.release(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert [is_open for _, is_open in alerts(handles)] == [False]


def test_a_mailbox_that_is_there_goes_on_being_the_one_that_was_asked_for(handles, smtp_sink):
    add_mailbox(handles, "asked", smtp_sink)
    put(handles, mailbox="asked")
    before = rows(handles)[0].mailbox_id
    orders.hold(handles)
    orders.release(handles)
    assert rows(handles)[0].mailbox_id == before is not None


def test_a_worker_sends_as_soon_as_a_mailbox_appears(handles, smtp_sink, monkeypatch):
    monkeypatch.setattr(sender_module, "REAP", 600.0)
    put(handles)
    with at_work(lambda stop: sender_module.Sender(handles, stop).run()):
        until(lambda: bool(alerts(handles)))
        add_mailbox(handles, "main", smtp_sink)
        handles.changes.moved("mailbox")
        until(lambda: states(handles) == ["sent"])
    assert [is_open for _, is_open in alerts(handles)] == [False]
