"""The message that a notice of non-delivery returns: by which of ours it is known, and for whom that was."""

import re
from collections.abc import Iterator

from core.mail.addresses import addresses_in
from core.mail.body import Body
from core.mail.headers import Headers, read_header_block, read_headers_and_body_start
from core.mail.message_ids import read_message_ids
from core.text import clean

RETURNED_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
_LONGEST_HEADER = 64 * 1024
_MESSAGE_ID = re.compile(r"^[ \t>|]*+Message-ID:[\s>]*+(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID_LINE = re.compile(rb"^[ \t>|]*+Message-ID:[\s>]*+(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE)
_FIRST_FIELD = re.compile(r"^[ \t>|]*+[A-Za-z][\w-]{1,60}:[ \t]", re.MULTILINE)
_MARGIN = re.compile(r"^[>|] ?", re.MULTILINE)


def returned_message_id(headers: Headers, body: Body, raw: bytes, returned_from: int) -> str:
    """Of the message that is returned, else the one the notice answers: some servers return nothing."""
    if inside := _MESSAGE_ID.search(body.text, returned_from) or _MESSAGE_ID.search(body.text):
        return inside[1]
    for returned in _in_parts(body, raw):
        if ids := read_message_ids(returned.get("message-id")):
            return ids[0]
    start = read_headers_and_body_start(raw)[1]
    return message_id_after(raw, start) or next(iter(read_message_ids(headers.get("in-reply-to"))), "")


def message_id_after(raw: bytes, start: int) -> str:
    """The first Message-ID that stands there, whatever part it is in: for MIME that does not hold together."""
    found = _MESSAGE_ID_LINE.search(raw, start, start + _LONGEST_HEADER) if start else None
    return clean(found[1].decode("utf-8", "replace")) if found else ""


def only_recipient(body: Body, raw: bytes, returned_from: int) -> str:
    """Whom the returned message was for, if it was for one alone; empty if for several, or nobody knows.

    Postfix that has lost its queue file, old Sendmail and Exchange's directory names say nobody's address.
    """
    for returned in (*_in_parts(body, raw), _in_text(body.text, returned_from)):
        found = {one.addr_spec.lower(): one.addr_spec for one in addresses_in(returned, "to", "cc")}
        if found:
            # A notice about a notice: whom that was for is whoever sent the message.
            senders = {one.addr_spec.lower().partition("@")[0] for one in addresses_in(returned, "from")}
            is_notice = not senders.isdisjoint(("mailer-daemon", "postmaster"))
            return next(iter(found.values())) if len(found) == 1 and not is_notice else ""
    return ""


def _in_parts(body: Body, raw: bytes) -> Iterator[Headers]:
    for part in body.parts:
        if part.media_type in RETURNED_TYPES:
            yield read_header_block(part.mime.content(raw, _LONGEST_HEADER).lstrip(b"\r\n"))


def _in_text(text: str, start: int) -> Headers:
    first = _FIRST_FIELD.search(text, start)
    if first is None:
        return Headers()
    block = text[first.start() : first.start() + _LONGEST_HEADER]
    return read_header_block(_MARGIN.sub("", block).encode())
