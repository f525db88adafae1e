"""Whose turn it is: what is due of a hand-off, record by record in order, and when it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select
from sqlmodel import Session

from core.db import leases
from core.db.bulk import table_of
from core.models import Delivery, DeliveryState, Handoff, HandoffStatus

FIRST = timedelta(seconds=10)
"""The wait after the first try that failed; each is twice the one before."""

LONGEST = timedelta(hours=1)
"""The longest of these waits."""

LIFETIME = timedelta(days=5)
"""For so long an offer is tried."""

_handoff, _status, _delivery = (table_of(model) for model in (Handoff, HandoffStatus, Delivery))
_earlier = _delivery.alias("earlier")


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    doublings: int = 2 ** min(max(failures, 1) - 1, 20)
    return min(LONGEST, FIRST * doublings)


def next_attempt_at(attempts: int, created_at: datetime, now: datetime) -> datetime | None:
    """When to offer it again after so many attempts; `None` when it is time to give up."""
    ends = created_at + LIFETIME
    return None if now >= ends else min(now + wait_after(attempts), ends)


def due_handoffs(session: Session, now: datetime) -> list[int]:
    """The hand-offs that have something due, do not rest, and are in nobody's hands."""
    is_idle = or_(
        _status.c.handoff_id.is_(None),
        and_(
            leases.is_free(session, HandoffStatus, now),
            or_(_status.c.rests_until.is_(None), _status.c.rests_until <= now),
        ),
    )
    statement = (
        select(_handoff.c.id)
        .outerjoin(_status, _status.c.handoff_id == _handoff.c.id)
        .where(
            _handoff.c.active.is_(True),
            _handoff.c.deleted_at.is_(None),
            is_idle,
            exists().where(_is_due(now), _delivery.c.handoff_id == _handoff.c.id).correlate(_handoff),
        )
        .order_by(_handoff.c.id)
    )
    return list(session.connection().scalars(statement))


def next_deliveries(session: Session, handoff_id: int, now: datetime, most: int) -> Sequence[Any]:
    """What is due of a hand-off, oldest first; of each record the first that waits alone."""
    statement = select(_delivery.c.id).where(_is_due(now), _delivery.c.handoff_id == handoff_id)
    return session.connection().scalars(statement.order_by(_delivery.c.id).limit(most)).all()


def _is_due(now: datetime) -> Any:
    waits_before = exists().where(
        _earlier.c.handoff_id == _delivery.c.handoff_id,
        _earlier.c.record_id == _delivery.c.record_id,
        _earlier.c.state == DeliveryState.WAITING.value,
        _earlier.c.id < _delivery.c.id,
    )
    return and_(
        _delivery.c.state == DeliveryState.WAITING.value,
        _delivery.c.next_attempt_at <= now,
        ~waits_before.correlate(_delivery),
    )
