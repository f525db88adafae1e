"""The doctor at the clock: against the database server's, and against the times that others wrote down."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session

from core.db.alike import dialect_of
from core.db.bulk import table_of
from core.models import Audit, Run, Worker
from core.services.doctor.finding import Finding, Level

MOST = timedelta(seconds=30)
"""By so much clocks may differ: a lease lasts a minute."""

_worker, _run, _audit = (table_of(model).c for model in (Worker, Run, Audit))
# Of what stays, the newest lines alone: some may be from before a clock was set back, and always will be.
_WRITTEN = (
    select(func.max(_worker.heartbeat_at)),
    select(_run.started_at).order_by(_run.id.desc()).limit(1),
    select(_audit.at).order_by(_audit.id.desc()).limit(1),
)


def clock_of(session: Session, now: datetime) -> Finding:
    """Whether this machine's clock goes as the others' do; `now` is what it says."""
    if dialect_of(session) == "postgresql":
        theirs: datetime = session.connection().execute(select(func.clock_timestamp())).scalar_one()
        if abs(theirs - now) > MOST:
            return _wrong(f"the database server's says {_shown(theirs)}", now)
    latest = max(filter(None, map(session.connection().scalar, _WRITTEN)), default=now)
    if latest - now > MOST:
        return _wrong(f"the database holds what was written at {_shown(latest)}", now)
    return Finding("clock", Level.OK, _shown(now))


def _wrong(others: str, now: datetime) -> Finding:
    text = f"This machine's clock says {_shown(now)}, and {others}. Set the wrong one right (timedatectl)."
    return Finding("clock", Level.WARNING, text)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
