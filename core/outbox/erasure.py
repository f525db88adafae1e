"""What was sent to one person, or handed in by them, removed at a person's request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.db.doors import Database
from core.db.stretches import Tell, bytes_of_all, stretches
from core.mail.naming import Naming, Place
from core.models import OutgoingMessage, OutgoingRaw, Recipient, Suppression
from core.outbox import retention

AT_ONCE = retention.AT_ONCE

_m, _raw, _r, _s = (table_of(model) for model in (OutgoingMessage, OutgoingRaw, Recipient, Suppression))


@dataclass
class Sent:
    """Messages that are of one address."""

    over: set[int] = field(default_factory=set)
    """Those that came to their end, by their ids."""
    waiting: set[int] = field(default_factory=set)
    """Those that are still to be sent, or may be."""
    mentions: set[int] = field(default_factory=set)
    """Those to others that name it in their text alone."""


def sent_to(database: Database, naming: Naming, tell: Tell, *, with_text: bool) -> Sent:
    """What the outbox has of an address: to it, Bcc or not, from it, or with it in another field of the header."""
    found: set[int] = set()
    mentions: set[int] = set()
    for low, high in stretches(database, _r.c.id):
        with database.reading() as session:
            to = select(_r.c.outgoing_id).where(_r.c.id.between(low, high), func.lower(_r.c.address) == naming.address)
            found.update(session.connection().scalars(to))
    for low, high in stretches(database, _m.c.id):
        with database.reading() as session:
            found.update(_naming(session, naming, _m.c.id.between(low, high)))
    for key, data in bytes_of_all(database, _raw, _raw.c.outgoing_id, tell):
        if (place := naming.place(data)) is not None:
            (mentions if place is Place.TEXT and not with_text else found).add(key)
    return _sorted_out(database, found, mentions - found)


def _naming(session: Session, naming: Naming, here: ColumnElement[bool]) -> Iterator[int]:
    texts = (_m.c.sender, _m.c.header_from, _m.c.subject)
    says_so = or_(*(text.icontains(naming.address, autoescape=True) for text in texts))
    for key, *said in session.connection().execute(select(_m.c.id, *texts).where(here, says_so)):
        if naming.is_in(*said):
            yield key


def _sorted_out(database: Database, found: set[int], mentions: set[int]) -> Sent:
    sent = Sent(mentions=mentions)
    ordered = sorted(found)
    for start in range(0, len(ordered), AT_ONCE):
        asked = select(_m.c.id, retention.is_over()).where(_m.c.id.in_(ordered[start : start + AT_ONCE]))
        with database.reading() as session:
            for key, is_over in session.connection().execute(asked):
                (sent.over if is_over else sent.waiting).add(key)
    return sent


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
