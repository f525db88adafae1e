"""An outgoing message's envelope and what is checked before it is taken: reject, never repair.

Imports nothing but the standard library, because `postroom send` starts here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import BadInput, Problem, UnsafeMessage
from core.mail.addresses import read_addresses
from core.mail.canonical import canonical_crlf
from core.mail.comma_list import between_commas
from core.mail.header_block import HeaderBlock
from core.mail.headers import LONGEST_VALUE, read_header_block
from core.mail.message_ids import new_message_id, read_message_ids
from core.mail.strict_address import ascii_domain, strict_address

LANES = ("urgent", "normal", "bulk")
"""Who overtakes whom."""

LARGEST = 256 << 20
"""Bytes of a message; whatever is larger is a mistake, and must not fill the memory."""

LONGEST_ID = 512
"""Characters of a Message-ID that is kept; a longer one is as good as none."""

_HEADER_END = re.compile(rb"\n\r*\n")
_BARE_CR = re.compile(rb"\r(?![\r\n])")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_NAME = 200
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


@dataclass(frozen=True, slots=True)
class OutgoingEnvelope:
    """From whom and for whom a message is, and how it wants to be sent; never read from its header fields."""

    recipients: tuple[str, ...]
    sender: str | None = None
    """Empty: the null sender; `None`: whatever the sending mailbox says."""
    mailbox: str = ""
    """The name of the mailbox that is asked for; empty: whose turn it is."""
    lane: str = "normal"
    key: str = ""
    """The caller's idempotency key: what was handed in under it before is not taken again."""
    not_before: datetime | None = None
    expires_at: datetime | None = None
    """A message that comes too late is not sent."""
    notify: bool = True
    """Whether the sender is told when it has failed."""


def recipients_in(raw: bytes) -> tuple[str, ...]:
    """The addresses of To, Cc and Bcc of a message as it is handed in; see `recipients_of`."""
    return recipients_of(HeaderBlock.cut(canonical_crlf(raw)))


def recipients_of(block: HeaderBlock) -> tuple[str, ...]:
    """What To, Cc and Bcc name, each once and all of it, however long the fields are.

    What is no address is given as it stands, for whoever knows it as a user of this machine; else it is to be refused:
    nobody is left out in silence. A message that is sent on once more names its recipients in Resent- fields (RFC 5322
    §3.6.6).
    """
    names = block.names()
    resent = any(name in names for name in (b"resent-to", b"resent-cc", b"resent-bcc"))
    wanted = [(b"resent-" if resent else b"") + name for name in (b"to", b"cc", b"bcc")]
    values = [value.replace(b"\r\n", b"").decode("utf-8", "replace") for name in wanted for value in block.every(name)]
    return tuple(dict.fromkeys(word for value in values for word in named_in(value)))


def named_in(value: str) -> tuple[str, ...]:
    """The addresses of a list; what is none stands among them as it is."""
    found = read_addresses(value) if len(value) <= LONGEST_VALUE else ()
    if found and all(address.addr_spec for address in found):
        return tuple(address.addr_spec for address in found)
    return tuple(word for piece in between_commas(value) for word in _words(piece))


def _words(piece: str) -> Iterator[str]:
    for address in read_addresses(piece):
        yield address.addr_spec or (piece.strip() if "<" in piece else address.display_name)


def checked_envelope(envelope: OutgoingEnvelope) -> OutgoingEnvelope:
    """The envelope with its addresses as they go over the wire, each recipient once.

    Raises:
        BadInput: carries every problem.
    """
    problems: list[Problem] = []
    recipients = [_checked_address("recipient", recipient, problems) for recipient in envelope.recipients]
    if not recipients:
        problems.append(Problem("", "recipient", "There is no recipient: name one, or put one into To, Cc or Bcc."))
    sender = _checked_address("sender", envelope.sender, problems) if envelope.sender else envelope.sender
    if envelope.lane not in LANES:
        problems.append(Problem("", "lane", f"{envelope.lane!r} is no lane: urgent, normal or bulk."))
    for name, text in (("mailbox", envelope.mailbox), ("key", envelope.key)):
        if _UNPRINTABLE.search(text) or len(text) > _LONGEST_NAME:
            problems.append(Problem("", name, f"It holds a control character or is over {_LONGEST_NAME} characters."))
    for name, moment in (("not_before", envelope.not_before), ("expires_at", envelope.expires_at)):
        if moment is not None and getattr(moment, "tzinfo", None) is None:
            problems.append(Problem("", name, "A time needs its zone, as in 2026-01-31T09:00:00Z."))
        elif moment is not None and not is_time_of_mail(moment):
            problems.append(Problem("", name, f"{moment.year} is no year in which this message can be sent."))
    if not problems and envelope.not_before and envelope.expires_at and envelope.expires_at <= envelope.not_before:
        problems.append(Problem("", "expires_at", "It is before the time at which it may leave: it is never sent so."))
    if problems:
        raise UnsafeMessage(problems=tuple(problems))
    return replace(envelope, sender=sender, recipients=tuple(dict.fromkeys(recipients)))


def is_time_of_mail(moment: datetime) -> bool:
    """Whether a time is one at which mail may be sent: at the ends of time nobody can reckon on from it."""
    return _FIRST_YEAR <= moment.year <= _LAST_YEAR


def check_size(raw: bytes) -> None:
    """Refuse what is larger than any relay takes.

    Raises:
        BadInput: it is.
    """
    if len(raw) > LARGEST:
        raise BadInput(f"The message is over {LARGEST >> 20} MiB and was not taken.")


def check_header(raw: bytes) -> None:
    """Refuse a message whose header holds what could begin a field that was not meant.

    Raises:
        UnsafeMessage: a NUL or a bare CR stands in it.
    """
    end = _HEADER_END.search(raw)
    limit = end.start() if end else len(raw)
    if raw.find(b"\0", 0, limit) >= 0:
        raise UnsafeMessage("The message was not taken: its header holds a NUL.")
    if raw.find(b"\r", 0, limit) >= 0 and _BARE_CR.search(raw, 0, limit + 1):
        raise UnsafeMessage("The message was not taken: its header holds a CR that ends no line.")


def message_id_of(raw: bytes, *, host: str = "", key: str = "") -> str:
    """The Message-ID it carries, else a new one; the same key makes the same one on one host."""
    carried = read_message_ids(read_header_block(raw).get("message-id"))
    if carried and len(carried[0]) <= LONGEST_ID:
        return carried[0]
    return fresh_message_id(host, key)


def fresh_message_id(host: str = "", key: str = "") -> str:
    """A new Message-ID of this host; the same key makes the same one."""
    domain = _domain(host or os.uname().nodename)
    if not key:
        return new_message_id(domain)
    from hashlib import sha256  # late: `postroom send` starts here, mostly without a key

    return f"<{sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def _checked_address(name: str, address: str, problems: list[Problem]) -> str:
    try:
        return strict_address(address, allow_utf8=True)
    except ValueError as error:
        problems.append(Problem("", name, str(error)))
        return address


def _domain(host: str) -> str:
    try:
        return ascii_domain(host)
    except ValueError:
        return "localhost"
