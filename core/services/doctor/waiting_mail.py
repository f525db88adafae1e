"""What waits in the outbox, for a relay or for a person: for the doctor, and for whoever sees nothing leave."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingMessage, OutgoingState
from core.outbox.suppression import SUPPRESSED
from core.services.doctor.finding import Finding, Level
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


def why_nothing_leaves(handles: Handles) -> list[str]:
    """What is still to be sent though nothing of it is due, a sentence each; nothing in it is secret."""
    with handles.database.reading() as session:
        tried = _until(session, OutgoingState.DEFERRED, OutgoingState.UNCERTAIN)
        untried = _until(session, OutgoingState.QUEUED)
        held = _held(session)
    said = []
    if tried:
        said.append(f"To be tried again: {tried}. To try it now: postroom outbox retry --all, then deliver.")
    if untried:
        said.append(f"Not to leave yet: {untried}.")
    if held:
        said.append(f"{held} See: postroom list outbox state:held")
    return said


def _until(session: Session, *states: OutgoingState) -> str:
    """How many messages of these states wait, and for how long at least; empty if none does."""
    asked = select(func.count(), func.min(_m.next_attempt_at)).where(_m.state.in_([state.value for state in states]))
    count, first_at = session.connection().execute(asked).one()
    first = f", the first at {first_at:%Y-%m-%d %H:%M:%S} UTC" if first_at is not None else ""
    return f"{counted(count, 'message')}{first}" if count else ""


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
