"""Recipients whose mail came back for good, twice: nothing is sent to them for a while."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import insert_missing, table_of
from core.models import OutgoingMessage, OutgoingState, Recipient, Suppression
from core.text import bounded, clean

HARD_BOUNCES = 2
"""So many hold an address."""

HELD_FOR = timedelta(days=30)
"""From the last of them."""

SUPPRESSED = "Suppressed: "
"""What the text of a recipient begins with that is held for this."""

_UNFINISHED = ("queued", "sending", "deferred", "uncertain", "held")
"""The states of a message that may have a recipient that is held."""

_LONGEST_TEXT = 500
_AT_ONCE = 500
_s, _m, _r = table_of(Suppression), table_of(OutgoingMessage), table_of(Recipient)

_TO_ADDRESS = (
    update(_s)
    .where(_s.c.address == bindparam("of"))
    .values(
        bounces=bindparam("to_bounces"),
        last_text=bindparam("to_text"),
        first_at=bindparam("to_first"),
        last_at=bindparam("to_last"),
        held_until=bindparam("until"),
    )
)


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


def note_hard_bounces(session: Session, bounces: Sequence[tuple[str, str]], now: datetime) -> None:
    """Count bounces for good, each an address and what was said; the second of an address holds it."""
    if not bounces:
        return
    told: dict[str, list[str]] = {}
    for address, text in bounces:
        told.setdefault(address.lower(), []).append(bounded(clean(text), _LONGEST_TEXT))
    # In one order everywhere: two workers that note bounces at once wait for each other, not in a ring.
    wanted = sorted(told)
    unknown = {"bounces": 0, "last_text": "", "first_at": now, "last_at": now, "released_by": ""}
    insert_missing(session, Suppression, [{"address": address, **unknown} for address in wanted])
    rows: list[dict[str, Any]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        asked = select(_s.c.address, _s.c.bounces, _s.c.first_at).where(
            _s.c.address.in_(wanted[start : start + _AT_ONCE])
        )
        for address, before, first_at in session.connection().execute(asked.order_by(_s.c.address).with_for_update()):
            count = before + len(told[address])
            rows.append(
                {
                    "of": address,
                    "to_bounces": count,
                    "to_text": told[address][-1],
                    "to_first": first_at if before else now,
                    "to_last": now,
                    "until": now + HELD_FOR if count >= HARD_BOUNCES else None,
                }
            )
    session.connection().execute(_TO_ADDRESS, rows)


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
    now = database_time(session)
    lowered = [address.lower() for address in addresses]
    waiting = select(_r.c.id, _r.c.outgoing_id, _r.c.address).where(
        _r.c.state == OutgoingState.HELD, _r.c.text.startswith(SUPPRESSED, autoescape=True)
    )
    wanted = frozenset(lowered)
    freed = [row for row in session.connection().execute(waiting) if row.address.lower() in wanted]
    for start in range(0, len(freed), _AT_ONCE):
        batch = freed[start : start + _AT_ONCE]
        _free(session, [row.outgoing_id for row in batch], [row.id for row in batch], now)
    # The addresses after the messages, as where bounces are noted: two workers wait for each other, not in a ring.
    session.connection().execute(
        update(_s).where(_s.c.address.in_(lowered)).values(bounces=0, held_until=None, released_at=now, released_by=by)
    )
    return len({row.outgoing_id for row in freed})


def is_any_old(session: Session, before: datetime) -> bool:
    """Whether `forget_old` may find something."""
    return session.connection().execute(_old(database_time(session), before).limit(1)).first() is not None


def forget_old(session: Session, before: datetime) -> int:
    """Forget addresses that last bounced before that, are not held, and have nothing held for them; gives how many.

    From then on they count as if they had never bounced.
    """
    rows = session.connection().execute(_old(database_time(session), before).limit(_AT_ONCE)).all()
    old = {row.id: row.address for row in rows}
    waiting = (
        select(_r.c.address)
        .join(_m, _m.c.id == _r.c.outgoing_id)
        .where(_m.c.state.in_(_UNFINISHED), _r.c.state == OutgoingState.HELD)
        .where(_r.c.text.startswith(SUPPRESSED, autoescape=True))
    )
    # Who releases an address finds what waits for it by its row.
    needed = {address.lower() for address in session.connection().scalars(waiting)} if old else set()
    forgotten = [key for key, address in old.items() if address not in needed]
    session.connection().execute(delete(_s).where(_s.c.id.in_(forgotten)))
    return len(forgotten)


def _old(now: datetime, before: datetime) -> Select[Any]:
    is_held = _s.c.held_until.is_not(None) & (_s.c.held_until > now)
    return select(_s.c.id, _s.c.address).where(_s.c.last_at < before, ~is_held).order_by(_s.c.id)


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
        .values(state=OutgoingState.QUEUED, next_attempt_at=now, first_due_at=now, settled_at=None, last_error="")
    )
