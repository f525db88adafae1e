"""The doctor at the clock: against the database server's, and against the times that others wrote down."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import Audit, Run, Worker
from core.services.finding import Finding, Level

MOST = timedelta(seconds=30)
"""By so much clocks may differ: a lease lasts a minute."""

_WRITTEN = (table_of(Worker).c.heartbeat_at, table_of(Run).c.started_at, table_of(Audit).c.at)


def clock_of(session: Session, now: datetime) -> Finding:
    """Whether this machine's clock goes as the others' do; `now` is what it says."""
    if session.get_bind().dialect.name == "postgresql":
        theirs: datetime = session.connection().execute(select(func.clock_timestamp())).scalar_one()
        if abs(theirs - now) > MOST:
            return _wrong(f"the database server's says {theirs:%Y-%m-%d %H:%M:%S}", now)
    latest = max(filter(None, (session.connection().scalar(select(func.max(at))) for at in _WRITTEN)), default=now)
    if latest - now > MOST:
        return _wrong(f"the database holds what was written at {latest:%Y-%m-%d %H:%M:%S}", now)
    return Finding("clock", Level.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _wrong(others: str, now: datetime) -> Finding:
    text = (
        f"This machine's clock says {now:%Y-%m-%d %H:%M:%S} UTC, and {others}. Set the wrong one right (timedatectl)."
    )
    return Finding("clock", Level.WARNING, text)
