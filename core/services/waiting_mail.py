"""The doctor's look at the outbox: what waits for a relay, and what waits for a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import OutgoingMessage, OutgoingState
from core.outbox.suppression import SUPPRESSED
from core.services.finding import Finding, Level
from core.settings import RuntimeSettings
from core.text import counted

_m = table_of(OutgoingMessage).c


def outbox(session: Session, settings: RuntimeSettings, now: datetime) -> Finding:
    """Whether mail waits longer than one wait between two tries, or for a person who may not know."""
    deferred, since = _of_state(session, OutgoingState.DEFERRED)
    uncertain, _ = _of_state(session, OutgoingState.UNCERTAIN)
    warnings = []
    if since is not None and now - since > settings.retry.longest:
        many = counted(deferred, "message is", "messages are")
        warnings.append(f"{many} deferred, the oldest since {since:%Y-%m-%d %H:%M} UTC.")
    if held := _held(session):
        warnings.append(held)
    if warnings:
        return Finding("outbox", Level.WARNING, f"{' '.join(warnings)} See: postroom list outbox")
    return Finding("outbox", Level.OK, f"{deferred} deferred{f', {uncertain} uncertain' if uncertain else ''}")


def _of_state(session: Session, state: OutgoingState) -> tuple[int, datetime | None]:
    asked = select(func.count(), func.min(_m.created_at)).where(_m.state == state.value)
    count, since = session.connection().execute(asked).one()
    return count, since


def _held(session: Session) -> str:
    """What is held and why, if a person is to release it; that an address is suppressed is known already."""
    waits = (_m.state == OutgoingState.HELD.value, ~_m.last_error.startswith(SUPPRESSED, autoescape=True))
    reasons = select(_m.last_error, func.count()).where(*waits).group_by(_m.last_error).order_by(func.count().desc())
    found = session.connection().execute(reasons).all()
    if not found:
        return ""
    count = sum(number for _, number in found)
    why = next((reason for reason, _ in found if reason), "")
    told = f"{count} held until somebody releases {'it' if count == 1 else 'them'}"
    return f"{told}: {why.rstrip('.')}." if why else f"{told}."
