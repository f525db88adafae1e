"""Recipients whose mail came back for good, twice: nothing is sent to them for a while."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session

from core.db.bulk import insert_missing, table_of
from core.models import OutgoingMessage, OutgoingState, Recipient, Suppression
from core.outbox.claim import time_of
from core.text import bounded, clean

HARD_BOUNCES = 2
"""So many hold an address."""

HELD_FOR = timedelta(days=30)
"""From the last of them."""

SUPPRESSED = "Suppressed: "
"""What the text of a recipient begins with that is held for this."""

_LONGEST_TEXT = 500
_AT_ONCE = 500
_s, _m, _r = table_of(Suppression), table_of(OutgoingMessage), table_of(Recipient)


@dataclass(frozen=True, slots=True)
class Held:
    """An address that nothing is sent to."""

    address: str
    bounces: int
    until: datetime

    def __str__(self) -> str:
        return (
            f"{SUPPRESSED}{self.address} bounced for good {self.bounces} times, held until {self.until:%Y-%m-%d}. "
            f"To send all the same: postroom delete suppression {self.address}"
        )


def note_hard_bounce(session: Session, address: str, text: str, now: datetime) -> None:
    """Count a bounce for good; the second holds the address."""
    address = address.lower()
    first = {"address": address, "bounces": 0, "last_text": "", "first_at": now, "last_at": now, "released_by": ""}
    insert_missing(session, Suppression, [first])
    wanted = select(_s.c.id, _s.c.bounces).where(_s.c.address == address).with_for_update()
    row = session.connection().execute(wanted).one()
    bounces = row.bounces + 1
    values = {
        "bounces": bounces,
        "last_at": now,
        "last_text": bounded(clean(text), _LONGEST_TEXT),
        "held_until": now + HELD_FOR if bounces >= HARD_BOUNCES else None,
    }
    if not row.bounces:
        values["first_at"] = now
    session.connection().execute(update(_s).where(_s.c.id == row.id).values(**values))


def held_among(session: Session, addresses: Iterable[str], now: datetime) -> dict[str, Held]:
    """Those of these addresses that are held, by the address in lower case."""
    is_held = _s.c.held_until > now
    if session.connection().execute(select(_s.c.id).where(is_held).limit(1)).first() is None:
        return {}
    wanted = sorted({address.lower() for address in addresses})
    found: dict[str, Held] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        asked = select(_s.c.address, _s.c.bounces, _s.c.held_until).where(
            is_held, _s.c.address.in_(wanted[start : start + _AT_ONCE])
        )
        found |= {
            row.address: Held(row.address, row.bounces, row.held_until) for row in session.connection().execute(asked)
        }
    return found


def bounced_among(session: Session, addresses: Iterable[str]) -> set[str]:
    """Those of these addresses that bounced for good since they were last released, in lower case."""
    lowered = {address.lower() for address in addresses}
    asked = select(_s.c.address).where(_s.c.address.in_(lowered), _s.c.bounces > 0)
    return set(session.connection().scalars(asked))


def release(session: Session, addresses: Sequence[str], by: str) -> int:
    """Send to these again, also what was held for them; the count begins anew. Gives back how many messages go out."""
    now = time_of(session)
    lowered = [address.lower() for address in addresses]
    waiting = select(_r.c.id, _r.c.outgoing_id, _r.c.address).where(
        _r.c.state == OutgoingState.HELD, _r.c.text.startswith(SUPPRESSED, autoescape=True)
    )
    freed = [row for row in session.connection().execute(waiting) if row.address.lower() in lowered]
    for start in range(0, len(freed), _AT_ONCE):
        batch = freed[start : start + _AT_ONCE]
        _free(session, [row.outgoing_id for row in batch], [row.id for row in batch], now)
    # The addresses after the messages, as where bounces are noted: two workers wait for each other, not in a ring.
    session.connection().execute(
        update(_s).where(_s.c.address.in_(lowered)).values(bounces=0, held_until=None, released_at=now, released_by=by)
    )
    return len({row.outgoing_id for row in freed})


def _free(session: Session, outgoing_ids: Sequence[int], recipient_ids: Sequence[int], now: datetime) -> None:
    # The messages first, as everywhere: who waits for a message's row holds none of its recipients'.
    held = select(_m.c.id).where(_m.c.id.in_(outgoing_ids)).order_by(_m.c.id).with_for_update()
    ids = list(session.connection().scalars(held))
    session.connection().execute(
        update(_r).where(_r.c.id.in_(recipient_ids)).values(state=OutgoingState.QUEUED, text="")
    )
    # A message that a person holds, or one with another recipient that is held, stays where it is.
    others = select(_r.c.id).where(_r.c.outgoing_id == _m.c.id, _r.c.state == OutgoingState.HELD)
    is_free = ~others.correlate(_m).exists()
    session.connection().execute(
        update(_m)
        .where(_m.c.id.in_(ids), _m.c.state == OutgoingState.HELD, is_free)
        .values(state=OutgoingState.QUEUED, next_attempt_at=now, settled_at=None, last_error="")
    )
