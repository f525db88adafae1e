"""Pending records whose time has come: a reminder is due, an auto close closes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlmodel import Session

from core.db.alike import skip_locked
from core.db.bulk import insert_rows, table_of
from core.handles import Handles
from core.models import Audit, Record

AT_ONCE = 500
"""Records woken in one transaction."""

PENDING = "pending"
"""What the states begin with that wake."""

AUTO_CLOSE = "pending auto close"
"""What the pending states begin with that close a record at their time; one that ends with "-" does unsuccessfully."""

_record = table_of(Record)
_log = logging.getLogger("postroom.waking")


def state_after(state: str, states: Sequence[str]) -> str | None:
    """What a pending state becomes at its time, of the states there are; `None`: it stays, and the record is due."""
    if not state.lower().startswith(AUTO_CLOSE):
        return None
    wanted = "closed unsuccessful" if state.endswith("-") else "closed successful"
    closed = [one for one in states if one.startswith("closed")]
    return wanted if wanted in closed or not closed else closed[0]


def wake_records(handles: Handles, now: datetime) -> int:
    """Wake what is due at this moment; gives back how many records woke."""
    due = (
        select(_record.c.id, _record.c.number, _record.c.state, _record.c.pending_until)
        .where(_record.c.pending_until <= now, _record.c.woken_at.is_(None), _record.c.state.istartswith(PENDING))
        .order_by(_record.c.pending_until, _record.c.id)
        .limit(AT_ONCE)
    )
    with handles.database.reading() as session:
        if session.connection().execute(due).first() is None:
            return 0
    states = handles.settings().states

    def wake(session: Session) -> int:
        rows = session.connection().execute(skip_locked(due)).all()
        for row in rows:
            _wake(session, row, state_after(row.state, states), now)
        insert_rows(session, Audit, [_told(handles, row, state_after(row.state, states), now) for row in rows])
        return len(rows)

    total = 0
    while woken := handles.database.writing(wake):
        total += woken
        if woken < AT_ONCE:
            break
    handles.changes.moved("record", "audit")
    _log.info("%d pending records woke", total)
    return total


def _wake(session: Session, row: Row[Any], state: str | None, now: datetime) -> None:
    values: dict[str, Any] = {"woken_at": now}
    if state is not None:
        values = {"state": state, "pending_until": None, "updated_at": now}
    session.connection().execute(update(_record).where(_record.c.id == row.id).values(values))


def _told(handles: Handles, row: Row[Any], state: str | None, now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "actor": f"worker@{handles.host}",
        "verb": "wake",
        "kind": "record",
        "name": row.number,
        "before": {"state": row.state, "pending_until": row.pending_until.isoformat()},
        "after": {"state": state} if state is not None else {"due": True},
    }
