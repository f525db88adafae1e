"""What a program hands in over SMTP, as it is put into the outbox: its orders read, its way noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from core.errors import UnsafeMessage
from core.mail.canonical import canonical_crlf
from core.mail.envelope import OutgoingEnvelope, check_header
from core.mail.header_block import HeaderBlock
from core.settings import read_duration
from core.text import bounded, clean

ORDERS = ("lane", "mailbox", "key", "expires", "at", "notify")
"""What a program may say in `X-Postroom-…` fields; they never leave."""

MOST_HOPS = 50
"""Received fields of a message that is still taken: one that has more goes in circles (RFC 5321 §6.3)."""

_PREFIX = "x-postroom-"
_NAMES = frozenset(f"{_PREFIX}{order}".encode() for order in ORDERS)
_UNFIT_FOR_TRACE = re.compile(r"[^A-Za-z0-9.:\[\]_-]")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came over a connection."""

    sender: str
    """The envelope sender; empty: the null sender."""
    recipients: tuple[str, ...]
    content: bytes
    """Without the dots that only the way needs."""
    helo: str
    """What the program calls itself."""
    peer: str
    """The address it comes from."""
    protocol: str = "ESMTP"
    """`SMTP`, `ESMTP` or, logged in, `ESMTPA` (RFC 3848)."""


def read_arrival(arrival: Arrival, *, host: str, now: datetime) -> tuple[OutgoingEnvelope, bytes]:
    """The envelope with the program's own orders, and the message with its trace and without them.

    A line that ends with LF alone is a line, as Postfix has it; where the message ends was decided before.
    Orders are only those of who wrote the message: in one that has come from elsewhere they are a stranger's words,
    and only taken out.

    Raises:
        UnsafeMessage: a header or an order cannot be taken, or the message goes in circles.
    """
    check_header(arrival.content)
    block = HeaderBlock.cut(canonical_crlf(arrival.content))
    hops = block.names()[b"received"]
    if hops > MOST_HOPS:
        raise UnsafeMessage(f"The message was not taken: it has passed {hops} servers and goes in circles.")
    orders = {} if hops else _orders(block)
    block.remove(*_NAMES)
    envelope = _envelope(arrival, orders, now)
    return envelope, _trace(arrival, host, now) + block.assemble()


def _orders(block: HeaderBlock) -> dict[str, str]:
    orders = {}
    for order in ORDERS:
        values = block.every(f"{_PREFIX}{order}".encode())
        if len(values) > 1:
            raise UnsafeMessage(f"The message was not taken: {_field(order)} stands there more than once.")
        if values:
            orders[order] = clean(values[0].replace(b"\r\n", b"").decode("utf-8", "replace")).strip()
    return orders


def _envelope(arrival: Arrival, orders: Mapping[str, str], now: datetime) -> OutgoingEnvelope:
    not_before = _moment("at", orders, now)
    # A lifetime is counted from when the message may leave; a time without its zone is refused where all are checked.
    begins = max(now, not_before) if not_before is not None and not_before.tzinfo is not None else now
    return OutgoingEnvelope(
        recipients=arrival.recipients,
        sender=arrival.sender,
        mailbox=orders.get("mailbox", ""),
        lane=orders.get("lane", "").lower() or "normal",
        key=orders.get("key", ""),
        not_before=not_before,
        expires_at=_moment("expires", orders, begins),
        notify=orders.get("notify", "").lower() != "never",
    )


def _moment(order: str, orders: Mapping[str, str], now: datetime) -> datetime | None:
    """A duration from now, or a time with its zone."""
    text = orders.get(order, "")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text) if "T" in text.upper() else now + read_duration(text)
    except (ValueError, OverflowError) as error:
        shown = ascii(bounded(text, 40))
        raise UnsafeMessage(
            f"The message was not taken: {_field(order)}: {shown} is no time: write 10m, or 2027-01-31T08:00Z."
        ) from error


def _trace(arrival: Arrival, host: str, now: datetime) -> bytes:
    """Where it came in (RFC 5321 §4.4): without it a message that goes in circles would do so for ever."""
    helo = _UNFIT_FOR_TRACE.sub("?", bounded(arrival.helo, 100)) or "unknown"
    literal = f"IPv6:{arrival.peer}" if ":" in arrival.peer else arrival.peer
    by = _UNFIT_FOR_TRACE.sub("?", host) or "localhost"
    line = f"Received: from {helo} ([{literal}])\r\n\tby {by} (Postroom) with {arrival.protocol};\r\n\t"
    return f"{line}{format_datetime(now)}\r\n".encode("ascii", "replace")


def _field(order: str) -> str:
    return f"X-Postroom-{order.capitalize()}"
