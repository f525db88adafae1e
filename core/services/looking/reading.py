"""Reading a message: its text and attachments, taken from the bytes when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import NotFound
from core.handles import Handles
from core.mail.body import Body, Part, read_body
from core.mail.dates import read_date
from core.mail.headers import Headers, read_header_block
from core.mail.summary import LONGEST_SHOWN
from core.services import messages
from core.services.actor import Actor
from core.text import bounded

__all__ = ["READ_AT_MOST", "Body", "Letter", "Part", "outgoing", "read"]

READ_AT_MOST = 200_000
"""Characters of text shown; the bytes are kept whole."""


def read(handles: Handles, actor: Actor, message_id: int) -> Body:
    """The text and the attachments of a message; where its bytes are gone, the text says so."""
    try:
        raw = messages.raw(handles, actor, message_id)
    except NotFound as error:
        return _without_bytes(error)
    return read_body(raw, READ_AT_MOST)


@dataclass(frozen=True)
class Letter:
    """An outgoing message as it was handed in: what its mailbox makes of it is made anew at each try."""

    header_from: str
    """The fields as they are shown, decoded, cleaned, bounded; empty where there is none."""
    header_to: str
    header_cc: str
    subject: str
    date: datetime | None
    body: Body


def outgoing(handles: Handles, actor: Actor, outgoing_id: int) -> Letter:
    """What an outgoing message says; where its bytes are gone, the text says so."""
    try:
        raw = messages.outgoing_raw(handles, actor, outgoing_id)
    except NotFound as error:
        return _letter(Headers(), _without_bytes(error))
    return _letter(read_header_block(raw), read_body(raw, READ_AT_MOST))


def _letter(headers: Headers, body: Body) -> Letter:
    header_from, header_to, header_cc, subject = (
        bounded(headers.get(name) or "", LONGEST_SHOWN) for name in ("from", "to", "cc", "subject")
    )
    return Letter(header_from, header_to, header_cc, subject, read_date(headers.raw("date")), body)


def _without_bytes(error: NotFound) -> Body:
    return Body(text=f"({error})", html="", parts=(), is_cut=False)
