"""Messages: their exact bytes."""

from __future__ import annotations

from datetime import timedelta

from core.errors import NotFound
from core.handles import Handles
from core.models import Message, MessageState, OriginalMessage, OutgoingRaw, RawMessage
from core.services import access
from core.services.actor import Actor
from core.settings import write_duration


def raw(handles: Handles, actor: Actor, message_id: int, *, is_original: bool = False) -> bytes:
    """The exact bytes of an incoming message, as its server gave them, or as a person has edited them in quarantine.

    `is_original`: as its server gave them, whatever was edited since.

    Raises:
        NotFound: there is no such message, or its bytes are not kept (any more).
    """
    access.require(actor, access.SEE, "message")
    with handles.database.reading() as session:
        found: RawMessage | OriginalMessage | None = session.get(RawMessage, message_id)
        if is_original:
            found = session.get(OriginalMessage, message_id) or found
    if found is not None:
        return found.data
    raise not_kept(handles, message_id)


def not_kept(handles: Handles, message_id: int) -> NotFound:
    """What to say where a message's bytes are looked for and not found: that there is none, or why they are gone."""
    with handles.database.reading() as session:
        message = session.get(Message, message_id)
    if message is None:
        return NotFound(f"There is no message {message_id}. To see what there is: postroom list message")
    return NotFound(why_without_bytes(message, handles.settings().retention.raw))


def why_without_bytes(message: Message, kept: timedelta) -> str:
    """Why the bytes of a message are not here, as one sentence; `kept` is how long they are today."""
    which = f"The bytes of message {message.id} are not here any more"
    if message.state == MessageState.TOO_LARGE:
        return f"Message {message.id} was too large and was left on its server; its bytes are not here."
    stage, rule, why = (*(message.trail or [["", "", ""]])[0], "", "", "")[:3]
    if rule == "erased":
        return f"{which}: {why}."
    if stage in {"quarantine", "retention"}:
        return f"{which}: {why.partition(';')[0]}{'' if rule == 'deleted' else f' (setting {rule})'}."
    kept_for = f"are kept for {write_duration(kept)}" if kept else "were kept long enough"
    return f"{which}: they {kept_for} (setting retention.raw)."


def outgoing_raw(handles: Handles, actor: Actor, outgoing_id: int) -> bytes:
    """The bytes of an outgoing message, as they were handed in.

    Raises:
        NotFound: there is no such message, or its bytes are not kept any more.
    """
    access.require(actor, access.SEE, "outbox")
    with handles.database.reading() as session:
        found = session.get(OutgoingRaw, outgoing_id)
    if found is None:
        raise NotFound(f"The bytes of an outgoing message {outgoing_id} are not here. See: postroom list outbox")
    return found.data
