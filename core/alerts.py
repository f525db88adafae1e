"""Alerts: something needs a person. Opened once by subject, closed when it has passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlmodel import Session

from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Alert

_alert = table_of(Alert)


def open_alerts(session: Session, prefix: str) -> dict[str, str]:
    """The alerts that are open, by subject, of all subjects that begin so."""
    rows = session.connection().execute(
        select(_alert.c.subject, _alert.c.text).where(
            _alert.c.closed_at.is_(None), _alert.c.subject.startswith(prefix, autoescape=True)
        )
    )
    return {row.subject: row.text for row in rows}


def settle(handles: Handles, prefix: str, wanted: Mapping[str, str], now: datetime) -> bool:
    """Have exactly these alerts open, of all whose subject begins so; whether any was opened or closed.

    One that is open already stays the same alert, though its text may tell more by now.
    """
    with handles.database.reading() as session:
        if open_alerts(session, prefix) == dict(wanted):
            return False

    def write(session: Session) -> bool:
        one_at_a_time(session, f"alerts {prefix}")
        found = open_alerts(session, prefix)
        for subject, text in wanted.items():
            if subject not in found:
                session.connection().execute(insert(_alert).values(subject=subject, text=text, opened_at=now))
            elif found[subject] != text:
                session.connection().execute(update(_alert).where(_is_open(subject)).values(text=text))
        over = [subject for subject in found if subject not in wanted]
        for subject in over:
            session.connection().execute(update(_alert).where(_is_open(subject)).values(closed_at=now))
        return bool(over) or any(subject not in found for subject in wanted)

    has_moved = handles.database.writing(write)
    handles.changes.moved("alert")
    return has_moved


def _is_open(subject: str) -> ColumnElement[bool]:
    return and_(_alert.c.subject == subject, _alert.c.closed_at.is_(None))
