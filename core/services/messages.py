"""Messages: their exact bytes."""

from __future__ import annotations

from core.errors import NotFound
from core.handles import Handles
from core.models import Message, MessageState, OriginalMessage, OutgoingRaw, RawMessage
from core.services import access
from core.services.actor import Actor


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
        message = session.get(Message, message_id)
    if found is not None:
        return found.data
    if message is None:
        raise NotFound(f"There is no message {message_id}. To see what there is: postroom list message")
    if message.state == MessageState.TOO_LARGE:
        raise NotFound(f"Message {message_id} was too large and was left on its server; its bytes are not here.")
    raise NotFound(f"The bytes of message {message_id} were removed when their retention was over.")


def outgoing_raw(handles: Handles, actor: Actor, outgoing_id: int) -> bytes:
    """The bytes of an outgoing message, as they were handed in.

    Raises:
        NotFound: there is no such message, or its bytes are not kept any more.
    """
    access.require(actor, access.SEE, "outbox")
    with handles.database.reading() as session:
        found = session.get(OutgoingRaw, outgoing_id)
    if found is None:
        raise NotFound(f"There are no bytes of an outgoing message {outgoing_id}. See: postroom list outbox")
    return found.data
