"""Whether anybody does the work: mail that waits, in or out, while no worker that could move it is alive.

No worker can tell that there is none, so whoever looks does: the console, `postroom list alert`, the doctor, a worker
that does the other half of the work, and the next worker that starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import Session

from core import alerts, clock
from core.db.bulk import table_of
from core.handin import SUFFIX
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Account, AccountStatus, OutgoingMessage, OutgoingState, Validity, Worker

PREFIX = "worker:"
"""Subjects of these alerts: `worker:fetch`, `worker:send`."""

PATIENCE = timedelta(minutes=5)
"""How long work may wait while nobody is there: a worker may be restarted."""

_DUE = (OutgoingState.QUEUED.value, OutgoingState.DEFERRED.value, OutgoingState.UNCERTAIN.value)
_account, _status, _worker = table_of(Account), table_of(AccountStatus), table_of(Worker)
_outgoing = table_of(OutgoingMessage)


@dataclass(frozen=True)
class Unattended:
    """Work that waits for a worker."""

    work: str
    """`fetch` or `send`: the half of the work that nobody does."""
    since: datetime
    """When the first of it was due."""

    def __str__(self) -> str:
        does, waits = ("fetches", "Accounts wait") if self.work == "fetch" else ("sends", "Mail waits")
        return (
            f"No worker is alive that {does}. {waits} since {self.since:%Y-%m-%d %H:%M} UTC. "
            "Start one: postroom --worker"
        )


def unattended(handles: Handles, now: datetime, patience: timedelta = PATIENCE) -> list[Unattended]:
    """The work that nobody does and that has been due for so long."""
    with handles.database.reading() as session:
        idle = [work for work in ("fetch", "send") if not _is_done(session, work, now)]
        due = {work: _due_since(session, work, now) for work in idle}
    if "send" in due:
        due["send"] = min(filter(None, (due["send"], _handed_in_since(handles.environment.drop))), default=None)
    return [Unattended(work, since) for work, since in due.items() if since is not None and now - since >= patience]


def tell_unattended(handles: Handles, patience: timedelta = PATIENCE) -> None:
    """Open an alert about each half of the work that nobody does, close those that have passed.

    Raises:
        StoreError: it could not be written, for one because the database's role may not.
    """
    now = clock.utcnow()
    wanted = {PREFIX + one.work: str(one) for one in unattended(handles, now, patience)}
    alerts.settle(handles, PREFIX, wanted, now)


def _is_done(session: Session, work: str, now: datetime) -> bool:
    alive = select(_worker.c.id).where(
        _worker.c.heartbeat_at > now - WORKER_ALIVE_FOR, _worker.c.role.in_((work, "both"))
    )
    return session.connection().execute(alive.limit(1)).first() is not None


def _due_since(session: Session, work: str, now: datetime) -> datetime | None:
    asked = (
        select(func.min(_status.c.due_at)).join(_account, _account.c.id == _status.c.account_id).where(*_to_fetch(now))
    )
    if work == "send":
        asked = select(func.min(_outgoing.c.next_attempt_at)).where(_is_to_send(now))
    return session.connection().execute(asked).scalar()


def _to_fetch(now: datetime) -> Iterator[ColumnElement[bool]]:
    yield _account.c.deleted_at.is_(None)
    yield _account.c.validity == Validity.VALID.value
    yield _status.c.paused.is_(False)
    yield _status.c.due_at <= now
    # Whoever fetches by hand is no worker, but does the work.
    yield or_(_status.c.lease_until.is_(None), _status.c.lease_until <= now)


def _is_to_send(now: datetime) -> ColumnElement[bool]:
    is_lost = and_(_outgoing.c.state == OutgoingState.SENDING.value, _outgoing.c.lease_until <= now)
    return and_(or_(_outgoing.c.state.in_(_DUE), is_lost), _outgoing.c.next_attempt_at <= now)


def _handed_in_since(drop: Path) -> datetime | None:
    """Since when the first message waits in the drop folder, as far as we may look into it."""
    try:
        times = [path.lstat().st_mtime for path in drop.iterdir() if path.suffix == SUFFIX and path.name[0] != "."]
    except OSError:
        return None
    return datetime.fromtimestamp(min(times), UTC) if times else None
