"""Quarantine: messages that could not be processed, and what a person may do with them."""

from __future__ import annotations

from sqlalchemy import delete as remove
from sqlalchemy import update
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import NotFound
from core.handles import Handles
from core.inbound import quarantine
from core.models import Audit, Message, MessageState, Quarantine, RawMessage
from core.services import access, audit, messages
from core.services.actor import Actor


def retry(handles: Handles, actor: Actor, message_id: int) -> None:
    """Process a message again from its bytes: the whole path, with its account, trust and queue."""
    access.require(actor, "retry", "quarantine")
    quarantine.retry(handles, message_id)
    _note(handles, actor, "retry", message_id)


def release(handles: Handles, actor: Actor, message_id: int, queue: str) -> None:
    """File a message in a queue by its headers, without filters."""
    access.require(actor, "release", "quarantine")
    quarantine.release(handles, message_id, queue)
    _note(handles, actor, "release", message_id, queue=queue)


def export(handles: Handles, actor: Actor, message_id: int) -> bytes:
    """The exact bytes of a message.

    Raises:
        NotFound: there is no such message.
    """
    access.require(actor, "export", "quarantine")
    return messages.raw(handles, actor, message_id)


def delete(handles: Handles, actor: Actor, message_id: int) -> None:
    """Do away with a message's bytes; that it came, and what was done with it, stays known.

    Raises:
        NotFound: there is no such message in quarantine.
    """
    access.require(actor, "delete", "quarantine")

    def work(session: Session) -> Audit:
        message = session.get(Message, message_id, with_for_update=True)
        if message is None or message.state != MessageState.QUARANTINED:
            raise NotFound(f"There is no message {message_id} in quarantine. See: postroom list quarantine")
        for model in (Quarantine, RawMessage):
            table = table_of(model)
            session.connection().execute(remove(table).where(table.c.message_id == message_id))
        # The row stays: it tells a later run that this message of its server was taken in.
        trail = [*message.trail, ["quarantine", "deleted", f"by {actor}"]]
        table = table_of(Message)
        gone = update(table).where(table.c.id == message_id).values(state=MessageState.IGNORED.value, trail=trail)
        session.connection().execute(gone)
        return audit.note(session, actor, "delete", "quarantine", str(message_id))

    audit.publish(handles.database.writing(work))
    handles.changes.moved("quarantine", "message", "audit")


def _note(handles: Handles, actor: Actor, verb: str, message_id: int, **after: str) -> None:
    def work(session: Session) -> Audit:
        return audit.note(session, actor, verb, "quarantine", str(message_id), after=after or None)

    audit.publish(handles.database.writing(work))
    handles.changes.moved("quarantine", "message", "record", "audit")
