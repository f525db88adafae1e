"""Nobody there to send: the message waits with that reason, an alert opens at once, and both pass when somebody is there."""

import threading

from sqlalchemy import select

from core.db.bulk import table_of
from core.models import Alert, Mailbox
from core.outbound import no_mailbox
from core.outbound.deliver import deliver_due
from core.workers import sender as sender_module
from core.workers.sender import Sender
from tests.outbound.world import QUICK, add_mailbox, change, put, rows, states
from tests.waiting import PATIENCE, until


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


def test_a_worker_sends_as_soon_as_a_mailbox_appears(handles, smtp_sink, monkeypatch):
    monkeypatch.setattr(sender_module, "REAP", 600.0)
    put(handles)
    stop = threading.Event()
    thread = threading.Thread(target=Sender(handles, stop).run)
    thread.start()
    until(lambda: bool(alerts(handles)))
    add_mailbox(handles, "main", smtp_sink)
    handles.changes.moved("mailbox")
    until(lambda: states(handles) == ["sent"])
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [is_open for _, is_open in alerts(handles)] == [False]
