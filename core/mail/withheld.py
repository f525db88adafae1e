"""What servers serve in place of a message that they cannot give: a note of their own, as if it were that message.

Exchange does so by IMAP and by POP3, for what it cannot convert (meeting requests, most often), and as long as
Microsoft 365 looks through the attachments of what came. Taken for the message, it would be stored, and the message
deleted. Courier does so by IMAP for what another client has removed, until the session has been told of it.
"""

from __future__ import annotations

import re

from core.mail.headers import read_header_block

_LONGEST = 16 * 1024
_SUBJECT = re.compile(r"Retrieval using the (?:IMAP4|POP3) protocol failed for the following message", re.IGNORECASE)
_NOT_DELETED = b"The message hasn't been deleted"
_REMOVED = (
    b"From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\n"
    b"This message is no longer available on the server.\r\n"
)
"""Courier 5.0's (`imap/fetch.c`)."""


def words_in_its_place(raw: bytes) -> str:
    """What the server says in place of the message; empty if this is a message."""
    if len(raw) > _LONGEST or b"Retrieval" not in raw or _NOT_DELETED not in raw:
        return ""
    headers = read_header_block(raw)
    subject = headers.get("subject") or ""
    # Mail has come from somewhere, by servers that say so: what others write cannot pass for this.
    is_mail = "@" in (headers.raw("from") or "") or "received" in headers or "message-id" in headers
    return subject if _SUBJECT.match(subject) and not is_mail else ""


def tells_of_removal(raw: bytes | None) -> bool:
    """Whether the server says, in place of the message, that it is there no more."""
    return raw == _REMOVED
