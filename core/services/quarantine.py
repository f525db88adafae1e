"""Quarantine: messages that could not be processed, and what a person may do with them."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import BadInput, Problem
from core.handles import Handles
from core.inbound import quarantine
from core.inbound import retry as taking_out
from core.models import Audit, Message, MessageState
from core.services import access, audit, messages
from core.services.actor import Actor


def waiting(handles: Handles, actor: Actor) -> list[int]:
    """The ids of all messages in quarantine, the oldest first."""
    access.require(actor, access.SEE, "quarantine")
    message = table_of(Message)
    mine = select(message.c.id).where(message.c.state == MessageState.QUARANTINED.value).order_by(message.c.id)
    with handles.database.reading() as session:
        return list(session.connection().scalars(mine))


def retry(handles: Handles, actor: Actor, message_id: int) -> MessageState:
    """Process a message again from its bytes: the whole path, with its account, trust and queue; where it ended."""
    access.require(actor, "retry", "quarantine")
    state = taking_out.retry(handles, message_id)
    _note(handles, actor, "retry", message_id, state=state.value)
    return state


def release(handles: Handles, actor: Actor, message_id: int, queue: str) -> MessageState:
    """File a message in a queue by its headers, without filters; where it ended."""
    access.require(actor, "release", "quarantine")
    state = taking_out.release(handles, message_id, queue)
    _note(handles, actor, "release", message_id, queue=queue, state=state.value)
    return state


def edit(handles: Handles, actor: Actor, message_id: int, edited: bytes) -> None:
    """Put edited bytes in the place of a message's, to be retried or released; what came is kept beside them.

    Raises:
        NotFound: there is no such message in quarantine.
        BadInput: there are no bytes.
    """
    access.require(actor, "edit", "quarantine")
    if not edited.strip():
        raise BadInput(problems=(Problem("", "message", "The edited message is empty; nothing was changed."),))
    quarantine.edit(handles, message_id, edited, by=str(actor))
    _note(handles, actor, "edit", message_id, size=str(len(edited)))


def export(handles: Handles, actor: Actor, message_id: int) -> bytes:
    """The exact bytes of a message, as they were edited last.

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
    quarantine.remove(handles, message_id)
    _note(handles, actor, "delete", message_id)


def _note(handles: Handles, actor: Actor, verb: str, message_id: int, **after: str) -> None:
    def work(session: Session) -> Audit:
        return audit.note(session, actor, verb, "quarantine", str(message_id), after=after or None)

    audit.publish(handles.database.writing(work))
    handles.changes.moved("quarantine", "message", "record", "audit")
