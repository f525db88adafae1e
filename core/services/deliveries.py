"""Deliveries: what a person may order of what is offered to hand-offs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.handoff.troubles import BY_PERSON
from core.models import Delivery, DeliveryState, HandoffStatus
from core.services import access, audit
from core.services.actor import Actor

_NAMED = 50
"""Ids that a line of the audit log names; of more it tells the number."""

_delivery, _status = table_of(Delivery), table_of(HandoffStatus)
_waits = _delivery.c.state == DeliveryState.WAITING.value


def retry(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Offer these again now, also those that were given up, or all that wait; gives how many."""

    def values(now: datetime) -> dict[str, Any]:
        return {"state": DeliveryState.WAITING.value, "next_attempt_at": now, "settled_at": None}

    if ids is None:
        return _ordered(handles, actor, "retry", _waits, values)
    is_open = _delivery.c.state != DeliveryState.DELIVERED.value
    return _ordered(handles, actor, "retry", and_(is_open, _delivery.c.id.in_(ids)), values)


def cancel(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Offer these no longer, or none that wait; what comes after them on their records goes on."""

    def values(now: datetime) -> dict[str, Any]:
        return {"state": DeliveryState.FAILED.value, "settled_at": now, "last_error": f"{BY_PERSON}{actor}."}

    wanted = _waits if ids is None else and_(_waits, _delivery.c.id.in_(ids))
    return _ordered(handles, actor, "cancel", wanted, values)


def _ordered(
    handles: Handles,
    actor: Actor,
    verb: str,
    wanted: ColumnElement[bool],
    values: Callable[[datetime], dict[str, Any]],
) -> int:
    access.require(actor, verb, "delivery")

    def work(session: Session) -> list[int]:
        now = clock.utcnow()
        rows = session.connection().execute(select(_delivery.c.id, _delivery.c.handoff_id).where(wanted)).all()
        session.connection().execute(update(_delivery).where(wanted).values(values(now)))
        if verb == "retry":
            # A person knows that the receiver is back: it rests no longer.
            awake = update(_status).where(_status.c.handoff_id.in_({row.handoff_id for row in rows}))
            session.connection().execute(awake.values(rests_until=None))
        done = [row.id for row in rows]
        if done:
            name = ", ".join(map(str, done)) if len(done) <= _NAMED else f"{len(done)} deliveries"
            audit.note(session, actor, verb, "delivery", name)
        return done

    done = handles.database.writing(work)
    if done:
        handles.changes.moved("delivery", "audit")
    return len(done)
