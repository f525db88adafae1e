"""The overview: a few numbers that say how it goes, cheap enough to be asked each second."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, exists, func, select
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import (
    WORKER_ALIVE_FOR,
    AccountStatus,
    Alert,
    Message,
    MessageState,
    OutgoingMessage,
    OutgoingState,
    Run,
    RunState,
    Worker,
)

WAITING = (
    OutgoingState.QUEUED.value,
    OutgoingState.SENDING.value,
    OutgoingState.DEFERRED.value,
    OutgoingState.UNCERTAIN.value,
    OutgoingState.HELD.value,
)
"""The states of an outgoing message that is still to be sent."""


@dataclass(frozen=True)
class Overview:
    """How it goes."""

    workers: int
    """Workers alive, on any machine."""
    fetching: int
    """Runs at work; one that has lost its worker is not."""
    outbox: int
    """Outgoing messages that are still to be sent."""
    quarantine: int
    """Messages that wait for a person."""
    alerts: int
    """Alerts that are open."""


def overview(handles: Handles) -> Overview:
    """The numbers of the header; nothing in them is secret, so any actor may see them."""
    run, outgoing, message = table_of(Run), table_of(OutgoingMessage), table_of(Message)
    with handles.database.reading() as session:
        return Overview(
            workers=live_workers(session),
            fetching=_count(session, run, run.c.state == RunState.RUNNING.value, ~_is_lost(run)),
            outbox=_count(session, outgoing, outgoing.c.state.in_(WAITING)),
            quarantine=_count(session, message, message.c.state == MessageState.QUARANTINED.value),
            alerts=_count(session, table_of(Alert), table_of(Alert).c.closed_at.is_(None)),
        )


def live_workers(session: Session) -> int:
    """How many workers are alive."""
    worker = table_of(Worker)
    return _count(session, worker, _beats(worker))


def is_alive(session: Session, worker_id: str) -> bool:
    """Whether the worker of this name is alive."""
    worker = table_of(Worker)
    return _count(session, worker, worker.c.id == worker_id, _beats(worker)) > 0


def _beats(worker: Table) -> ColumnElement[bool]:
    return worker.c.heartbeat_at > clock.utcnow() - WORKER_ALIVE_FOR


def _is_lost(run: Table) -> ColumnElement[bool]:
    """Whether the lease of a run's account is over, though nobody has ended the run."""
    status = table_of(AccountStatus)
    is_its_own = and_(status.c.account_id == run.c.account_id, status.c.fence == run.c.fence)
    return exists().where(is_its_own, status.c.lease_until < clock.utcnow())


def _count(session: Session, table: Table, *wanted: ColumnElement[bool]) -> int:
    return session.connection().execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()
