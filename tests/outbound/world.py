"""Mailboxes, messages and a look at what became of them, for tests of sending."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Attempt, Mailbox, MailboxStatus, OutgoingMessage, Recipient, Setting, Template
from core.outbox.enqueue import enqueue_many
from core.outbox.entry import read_entry
from core.protocols.server import Timeouts

QUICK = Timeouts(connect=60.0, login=60.0, command=60.0, settle=60.0)
"""For relays that answer, as quickly as this machine lets them."""


def add_mailbox(handles: Handles, name: str, sink: Any, *, failover: int | None = None, **values: Any) -> int:
    """A mailbox on a template of its own that leads to this sink, in clear and without login unless said otherwise."""
    now = clock.utcnow()
    of_template = {key.removeprefix("t_"): values.pop(key) for key in list(values) if key.startswith("t_")}
    settings = {"smtp_host": sink.host, "smtp_port": sink.port, "smtp_security": "none", "smtp_auth": False}
    template = Template(name=f"to {name}", created_at=now, updated_at=now, **{**settings, **of_template})

    def add(session):
        session.add(template)
        session.flush()
        mailbox = Mailbox(
            name=name, template_id=template.id, created_at=now, updated_at=now, failover_id=failover, **values
        )
        session.add(mailbox)
        session.flush()
        session.add(MailboxStatus(mailbox_id=mailbox.id))
        return mailbox.id

    return handles.database.writing(add)


def put(
    handles: Handles, count: int = 1, *, to: tuple[str, ...] = ("bob@example.net",), raw: bytes = b"", **envelope: Any
) -> list[str]:
    """Messages in the outbox, numbered in their subjects; gives back their Message-IDs."""
    envelope = {"sender": "alice@example.org", "notify": False} | envelope
    mails = [raw or mail(str(number)) for number in range(count)]
    return enqueue_many(handles, [read_entry(OutgoingEnvelope(to, **envelope), each) for each in mails])


def mail(subject: str, header_from: str = "alice@example.org") -> bytes:
    return f"From: {header_from}\r\nTo: bob@example.net\r\nSubject: {subject}\r\n\r\nHello {subject}.\r\n".encode()


def rows(handles: Handles) -> list[Any]:
    """All messages, oldest first."""
    with handles.database.reading() as session:
        return list(session.connection().execute(select(table_of(OutgoingMessage)).order_by("id")))


def states(handles: Handles) -> list[str]:
    return [row.state for row in rows(handles)]


def recipients(handles: Handles) -> dict[str, Any]:
    """All recipients by address."""
    with handles.database.reading() as session:
        return {row.address: row for row in session.connection().execute(select(table_of(Recipient)).order_by("id"))}


def attempts(handles: Handles) -> list[Any]:
    with handles.database.reading() as session:
        return list(session.connection().execute(select(table_of(Attempt)).order_by("id")))


def mailbox_status(handles: Handles, key: int) -> Any:
    table = table_of(MailboxStatus)
    with handles.database.reading() as session:
        return session.connection().execute(select(table).where(table.c.mailbox_id == key)).one()


def set_setting(handles: Handles, name: str, value: Any) -> None:
    handles.database.writing(lambda session: session.merge(Setting(name=name, value=value)) and None)


def change(handles: Handles, model: Any, **values: Any) -> None:
    """Write these columns of every row: how a test lets time pass."""
    handles.database.writing(
        lambda session: session.connection().execute(update(table_of(model)).values(**values)) and None
    )


def make_due(handles: Handles) -> None:
    """What waits is due now, and no mailbox cools down."""
    now = clock.utcnow()
    change(handles, OutgoingMessage, next_attempt_at=now - timedelta(seconds=5))
    change(handles, MailboxStatus, cooling_until=None)


def subjects(sink: Any) -> list[str]:
    """The subjects of what a sink took, in order."""
    return [
        line.partition(b": ")[2].decode()
        for delivered in sink.deliveries
        for line in delivered.raw.split(b"\r\n")
        if line.startswith(b"Subject: ")
    ]
