"""Which hand-offs are told of what happens to records; their rows are written in intake's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.inbound.decisions.placement import Ending, Placement
from core.models import DeliveryEvent, DeliveryState, Handoff


@dataclass(frozen=True)
class ActiveHandoff:
    """A hand-off as intake sees it."""

    id: int
    queues: frozenset[str] = frozenset()
    """Only these; empty: all."""
    types: frozenset[str] = frozenset()
    """Only these record types; empty: all."""

    def wants(self, queue: str, record_type: str) -> bool:
        """Whether it is told of a record of this type in this queue."""
        return (not self.queues or queue in self.queues) and (not self.types or record_type in self.types)


def active_handoffs(session: Session) -> tuple[ActiveHandoff, ...]:
    """The hand-offs that are told."""
    return tuple(
        ActiveHandoff(row.id, frozenset(row.queues), frozenset(row.types))
        for row in session.connection().execute(_active())
    )


@lru_cache(maxsize=1)
def _active() -> Any:
    table = table_of(Handoff)
    columns = (table.c.id, table.c.queues, table.c.types)
    return select(*columns).where(table.c.deleted_at.is_(None), table.c.active.is_(True)).order_by(table.c.id)


def offers_of(
    handoffs: Sequence[ActiveHandoff], placement: Placement, message_id: int, record_id: int | None, now: datetime
) -> list[dict[str, Any]]:
    """The deliveries that a placement gives rise to: of new records and follow-ups, not of copies of a message."""
    if placement.ending is not Ending.RECORDED or placement.is_copy or record_id is None:
        return []
    draft, record = placement.draft, placement.record
    queue = placement.queue or placement.changes.queue or (record.queue if record is not None else "")
    record_type = draft.type if draft is not None else record.type if record is not None else ""
    event = DeliveryEvent.RECORD if draft is not None else DeliveryEvent.FOLLOW_UP
    return [
        {
            "handoff_id": handoff.id,
            "record_id": record_id,
            "message_id": message_id,
            "event": event.value,
            "state": DeliveryState.WAITING.value,
            "attempts": 0,
            "next_attempt_at": now,
            "last_error": "",
            "created_at": now,
        }
        for handoff in handoffs
        if handoff.wants(queue, record_type)
    ]
