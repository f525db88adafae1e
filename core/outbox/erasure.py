"""What was sent to one person, or handed in by them, removed at a person's request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.mail.addresses import bare_addresses
from core.models import OutgoingMessage, Recipient, Suppression
from core.outbox import retention

AT_ONCE = retention.AT_ONCE

_m, _r, _s = table_of(OutgoingMessage), table_of(Recipient), table_of(Suppression)


@dataclass(frozen=True)
class Sent:
    """Messages with one address among their recipients, or as their sender."""

    over: tuple[int, ...] = ()
    """Those that came to their end, by their ids."""
    waiting: tuple[int, ...] = ()
    """Those that are still to be sent, or may be."""


def sent_to(session: Session, address: str) -> Sent:
    """What the outbox has of an address, which is in lower case."""
    to = select(_r.c.outgoing_id).where(func.lower(_r.c.address) == address)
    says_so = or_(_m.c.sender.icontains(address, autoescape=True), _m.c.header_from.icontains(address, autoescape=True))
    asked = select(_m.c.id, _m.c.sender, _m.c.header_from, _m.c.id.in_(to).label("is_to"), retention.is_over()).where(
        or_(_m.c.id.in_(to), says_so)
    )
    over: list[int] = []
    waiting: list[int] = []
    for key, sender, header_from, is_to, is_over in session.connection().execute(asked.order_by(_m.c.id)):
        if is_to or address in {one.lower() for one in (sender, *bare_addresses(header_from))}:
            (over if is_over else waiting).append(key)
    return Sent(tuple(over), tuple(waiting))


def remove_over(session: Session, ids: Sequence[int]) -> int:
    """Remove those of these messages that are over still: a person may have tried one again. Gives how many.

    They go whole, with their other recipients: bytes name them all.
    """
    still = list(session.connection().scalars(select(_m.c.id).where(_m.c.id.in_(ids), retention.is_over())))
    retention.remove(session, still)
    return len(still)


def is_suppressed(session: Session, address: str) -> bool:
    """Whether it is known that this address bounced."""
    return session.connection().execute(select(_s.c.id).where(_s.c.address == address)).first() is not None


def forget_suppression(session: Session, address: str) -> int:
    """Forget that it bounced; gives how many addresses that were."""
    return session.connection().execute(delete(_s).where(_s.c.address == address)).rowcount
