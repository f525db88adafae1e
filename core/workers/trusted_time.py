"""Whether the clock may be believed when it says that something is old enough to be removed for good."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
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
    return any(
        session.connection().execute(select(at).where(at.between(now - LATELY, now - SETTLED)).limit(1)).first()
        for at in _WRITTEN
    )
