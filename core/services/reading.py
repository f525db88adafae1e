"""Reading a message: its text and attachments, taken from the bytes when somebody looks."""

from __future__ import annotations

from core.errors import NotFound
from core.handles import Handles
from core.mail.body import Body, Part, read_body
from core.services import messages
from core.services.actor import Actor

__all__ = ["READ_AT_MOST", "Body", "Part", "read"]

READ_AT_MOST = 200_000
"""Characters of text shown; the bytes are kept whole."""


def read(handles: Handles, actor: Actor, message_id: int) -> Body:
    """The text and the attachments of a message; where its bytes are gone, the text says so."""
    try:
        raw = messages.raw(handles, actor, message_id)
    except NotFound as error:
        return Body(text=f"({error})", html="", parts=(), is_cut=False)
    return read_body(raw, READ_AT_MOST)
