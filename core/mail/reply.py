"""A person's answer to a message, as bytes: built from cleaned text alone, never from another message's headers."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from core.mail.canonical import canonical_crlf
from core.mail.header_block import HeaderBlock, encode_text
from core.mail.headers import Headers
from core.mail.message_ids import read_message_ids
from core.mail.strict_address import strict_address
from core.text import bounded, clean

MOST_REFERENCES = 30
"""Message-IDs of a thread that an answer names: the first, and the newest."""

_SAFE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_ANSWER = re.compile(r"(?:(?:re|aw|antw|sv|vs)\s*(?:\[\d+\])?:\s*)+", re.IGNORECASE)
_LONGEST_SUBJECT = 400


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to whom, in which thread."""

    to: str
    subject: str
    text: str
    message_id: str
    date: datetime
    sent_from: str = ""
    """An address; empty: the mailbox that sends it fills it in."""
    display_name: str = ""
    references: tuple[str, ...] = ()
    """The thread, oldest first; the last is what it answers."""


def compose_reply(reply: Reply) -> bytes:
    """The message, in canonical CRLF.

    Raises:
        ValueError: an address that cannot stand in a header.
        UnsafeMessage: a value would make a header field of its own.
    """
    block = HeaderBlock([], quopri.encodestring(_body(reply.text)))
    if reply.sent_from:
        block.add(b"From", _named(reply.display_name, strict_address(reply.sent_from)))
    block.add(b"To", strict_address(reply.to).encode("ascii"))
    block.add(b"Subject", encode_text(reply.subject, len("Subject: ")))
    block.add(b"Date", format_datetime(reply.date).encode("ascii"))
    block.add(b"Message-ID", reply.message_id.encode("ascii"))
    if reply.references:
        block.add(b"In-Reply-To", reply.references[-1].encode("ascii"))
        block.add(b"References", b"\r\n ".join(one.encode("ascii") for one in reply.references))
    block.add(b"MIME-Version", b"1.0")
    block.add(b"Content-Type", b'text/plain; charset="utf-8"')
    block.add(b"Content-Transfer-Encoding", b"quoted-printable")
    return canonical_crlf(block.assemble())


def reply_subject(subject: str, tag: str) -> str:
    """`Re: [Ticket#N] Printer`: the subject that is answered, with the tag once, whatever stood there before."""
    rest = clean(subject).replace(tag, " ")
    rest = _ANSWER.sub("", " ".join(rest.split()), count=1)
    return bounded(f"Re: {tag} {rest}".strip(), _LONGEST_SUBJECT)


def thread_of(headers: Headers) -> tuple[str, ...]:
    """What an answer to this message names: its own thread, then itself (RFC 5322 §3.6.4)."""
    thread = read_message_ids(headers.get("references")) or read_message_ids(headers.get("in-reply-to"))[:1]
    return _bounded([*thread, *read_message_ids(headers.get("message-id"))[:1]])


def _bounded(ids: Sequence[str]) -> tuple[str, ...]:
    safe = list(dict.fromkeys(one for one in ids if _SAFE_ID.fullmatch(one)))
    return tuple(safe if len(safe) <= MOST_REFERENCES else [safe[0], *safe[1 - MOST_REFERENCES :]])


def _named(name: str, address: str) -> bytes:
    name = clean(name).strip()
    if not name:
        return address.encode("ascii")
    return encode_text(_quoted(name), len("From: ")) + f"\r\n <{address}>".encode("ascii")


def _quoted(name: str) -> str:
    """ASCII needs quotes (RFC 5322 §3.2.4); all else becomes encoded words, which stand for themselves."""
    if not name.isascii() or "=?" in name:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _body(text: str) -> bytes:
    lines: Iterable[str] = (clean(line).rstrip() for line in text.splitlines())
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
