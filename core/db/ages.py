"""How old rows are, by their ids: these grow with time, so that a moment is found without an index over it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Table, func, select
from sqlmodel import Session

NEAR = 256
"""Rows by which the answer may be off: the caller compares the time itself."""

LOOKED_AT = 500
"""Rows that are looked at for one that has its time, where some have none."""


def id_since(session: Session, table: Table, at: Column[datetime], before: datetime) -> int:
    """Up to where rows may be older than that: from this id on all are younger, but for a few about the border.

    About twenty looks at a million rows. Rows whose time is not known yet count as young.
    """
    low, high = session.connection().execute(select(func.min(table.c.id), func.max(table.c.id))).one()
    if low is None:
        return 0
    high += 1
    while high - low > NEAR:
        middle = (low + high) // 2
        found = _time_at(session, table, at, middle)
        if found is not None and found < before:
            low = middle
        else:
            high = middle
    return int(high)


def _time_at(session: Session, table: Table, at: Column[datetime], row_id: int) -> datetime | None:
    # By the next rows that are there: ids have gaps where rows were removed.
    near = select(table.c.id, at.label("at")).where(table.c.id >= row_id).order_by(table.c.id).limit(LOOKED_AT)
    rows = near.subquery()
    known = select(rows.c.at).where(rows.c.at.is_not(None)).order_by(rows.c.id).limit(1)
    found: datetime | None = session.connection().scalar(known)
    return found
