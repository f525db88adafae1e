"""Once a day a worker has SQLite look whether its file is sound: a damaged one would go into every backup unseen."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session

from core import alerts, clock
from core.db.bulk import table_of, upsert
from core.db.engine import journal_mode
from core.db.integrity import damage_of
from core.handles import Handles
from core.models import Setting

EVERY = timedelta(days=1)
"""Between two looks, by whichever worker comes first."""

SUBJECT = "database"
"""Of the alert."""

CHECKED = "system.database_checked"
"""The row that says when a worker last began to look."""


def check_integrity(handles: Handles, stop: threading.Event) -> None:
    """Look, unless somebody has within a day; an alert is open while the file is damaged."""
    # Without a write-ahead log whoever reads for long keeps writers waiting.
    if not handles.environment.is_sqlite or journal_mode() != "WAL":
        return
    now = clock.utcnow()
    with handles.database.reading() as session:
        if not _is_due(session, now):
            return
    if not handles.database.writing(lambda session: _takes_turn(session, now)):
        return
    with handles.database.reading() as session:
        damage = damage_of(session.connection(), stop.is_set)
    if stop.is_set():
        handles.database.writing(_give_turn_back)
        return
    alerts.settle(handles, SUBJECT, {SUBJECT: damage} if damage else {}, now)


def _is_due(session: Session, now: datetime) -> bool:
    row = session.get(Setting, CHECKED)
    # A clock that was ahead must not keep us from it for years.
    return row is None or not now - EVERY < datetime.fromisoformat(str(row.value)) <= now


def _takes_turn(session: Session, now: datetime) -> bool:
    """Noted before: should looking end this process, it does not end each that comes after it."""
    if not _is_due(session, now):
        return False
    upsert(session, Setting, [{"name": CHECKED, "value": now.isoformat()}])
    return True


def _give_turn_back(session: Session) -> None:
    table = table_of(Setting)
    session.connection().execute(delete(table).where(table.c.name == CHECKED))
