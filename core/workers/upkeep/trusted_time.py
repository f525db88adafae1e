"""Whether the clock may be believed when it says that something is old enough to be removed for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, select
from sqlmodel import Session

from core.db.bulk import insert_rows, table_of
from core.handles import Handles
from core.models import Audit, OutgoingMessage, Run

SETTLED = timedelta(hours=1)
"""A clock that was wrong when the machine began has mostly been set right by then."""

LATELY = timedelta(days=8)
"""Who works once a week only is believed too; a clock that jumps by less than this does little harm."""

_WRITTEN = (table_of(Run).c.started_at, table_of(OutgoingMessage).c.created_at, table_of(Audit).c.at)


def is_trusted(session: Session, now: datetime) -> bool:
    """Whether something was written lately by a clock like this one, and not just now.

    A clock that jumps ahead by years would have everything removed in a minute, what waits in quarantine too. After
    such a jump, and after a pause of weeks, nothing is removed until it has been that time for an hour.
    """
    return _is_any(session, lambda at: at.between(now - LATELY, now - SETTLED))


def doubt(handles: Handles, now: datetime) -> None:
    """Write down that it is this time: an hour later that shows it, also where nothing else is written any more."""
    with handles.database.reading() as session:
        is_noted = _is_any(session, lambda at: at.between(now - SETTLED, now))
        if is_noted or not _is_any(session, lambda at: at < now - LATELY):
            return  # in a new database nothing is old
    line = {"at": now, "actor": f"worker@{handles.host}", "verb": "doubt", "kind": "clock", "name": ""}
    why = {"removing": "rests for an hour: nothing happened for a week, or the clock was put ahead"}
    handles.database.writing(lambda session: insert_rows(session, Audit, [{**line, "after": why}]))
    handles.changes.moved("audit")


def _is_any(session: Session, when: Callable[[Column[datetime]], ColumnElement[bool]]) -> bool:
    return any(session.connection().execute(select(at).where(when(at)).limit(1)).first() for at in _WRITTEN)
