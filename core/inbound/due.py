"""Which accounts are due, and claiming them: a claim, the run that begins with it, and the end of runs that died."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.db.leases import Lease
from core.handles import Handles
from core.inbound.turns import has_slot, next_turns
from core.models import Account, AccountStatus, Run, RunState, Validity
from core.settings import RuntimeSettings

_account, _status, _run = table_of(Account), table_of(AccountStatus), table_of(Run)


@dataclass(frozen=True)
class Claimed:
    """One account in this worker's hands."""

    account: Account
    """Its configuration as it was when it was claimed."""
    lease: Lease
    run_id: int
    took_over: bool
    """Whether the run before it died, so that its messages in hand are suspect."""
    is_asked: bool = False
    """Whether a person asked for it by its name: then what was given up is tried once more."""


def claim_due(handles: Handles, settings: RuntimeSettings, slots: int, *, busy: Sequence[int] = ()) -> list[Claimed]:
    """Claim up to `slots` accounts that are due: lowest priority number first, then the longest overdue."""
    now = clock.utcnow()

    def claim(session: Session) -> list[Claimed]:
        turns = next_turns(session, settings, slots, now, busy)
        return [one for account_id in turns if (one := _claim(session, handles, account_id, now)) is not None]

    if slots <= 0:
        return []
    with handles.database.reading() as session:
        if not next_turns(session, settings, slots, now, busy):
            return []
    return handles.database.writing(claim)


def claim_account(handles: Handles, account_id: int) -> Claimed | None:
    """Claim one account now, due or not; `None` if another worker has it in hand."""
    return handles.database.writing(lambda session: _claim(session, handles, account_id, clock.utcnow()))


def claim_asked(handles: Handles, account: Account, *, is_named: bool) -> Claimed | None:
    """Claim an account that a person asks for, by its name or with all others, due or not.

    `None` while another worker has it in hand, or while its server has no slot left for one more.
    """
    assert account.id is not None
    account_id, per_host = account.id, handles.settings().slots_per_host

    def claim(session: Session) -> Claimed | None:
        now = clock.utcnow()
        return _claim(session, handles, account_id, now) if has_slot(session, account.host, per_host, now) else None

    with handles.database.reading() as session:
        if not has_slot(session, account.host, per_host, clock.utcnow()):
            return None
    claimed = handles.database.writing(claim)
    return replace(claimed, is_asked=is_named) if claimed is not None else None


def holder_of(handles: Handles, account_id: int) -> int | None:
    """The run that is at an account now."""
    with handles.database.reading() as session:
        running = select(func.max(_run.c.id)).where(
            _run.c.account_id == account_id, _run.c.state == RunState.RUNNING.value
        )
        found: int | None = session.connection().execute(running).scalar()
        return found


def _claim(session: Session, handles: Handles, account_id: int, now: datetime) -> Claimed | None:
    seconds = handles.renewer.seconds
    lease = leases.claim(session, AccountStatus, account_id, handles.worker_id, now=now, seconds=seconds)
    if lease is None:
        return None
    account = session.get(Account, account_id)
    if account is None or account.deleted_at is not None:
        leases.release(session, lease)
        return None
    session.expunge(account)
    died = _close_dead_runs(session, account_id, now)
    run = Run(
        account_id=account_id,
        account=account.name,
        host=account.host,
        worker=f"{handles.host}:{handles.worker_id[:8]}",
        fence=lease.fence,
        started_at=now,
    )
    session.add(run)
    session.flush()
    changed: dict[str, Any] = {"last_run_id": run.id, "stop_requested": False}
    session.connection().execute(update(_status).where(lease.is_mine()).values(changed))
    assert run.id is not None
    return Claimed(account, lease, run.id, died)


def _close_dead_runs(session: Session, account_id: int, now: datetime) -> bool:
    """Close a run that is still marked running although its account was free; whether the last run died."""
    dead = (
        update(_run)
        .where(_run.c.account_id == account_id, _run.c.state == RunState.RUNNING.value)
        .values(state=RunState.ABORTED.value, ended_at=now, error="The worker was lost; the next run took over.")
    )
    # A run that a fault of ours ended has closed itself, and is the account's last one.
    abandoned = (
        select(_run.c.id)
        .join(_status, _status.c.last_run_id == _run.c.id)
        .where(_status.c.account_id == account_id, _run.c.state == RunState.ABORTED.value)
    )
    was_abandoned = session.connection().execute(abandoned).first() is not None
    return bool(session.connection().execute(dead).rowcount) or was_abandoned


def accounts_named(handles: Handles, names: Sequence[str] | None) -> list[Account]:
    """The accounts of these names, or all valid ones; names that are unknown are absent."""
    with handles.database.reading() as session:
        statement = (
            select(Account).where(col(Account.deleted_at).is_(None)).order_by(col(Account.priority), col(Account.name))
        )
        if names is None:
            statement = statement.where(col(Account.validity) == Validity.VALID.value)
        else:
            statement = statement.where(col(Account.name).in_(names))
        return list(session.scalars(statement))


def is_stop_requested(handles: Handles, claimed: Claimed) -> bool:
    """Whether a person asked this run to stop after the current batch."""
    with handles.database.reading() as session:
        asked = select(_status.c.stop_requested).where(_status.c.account_id == claimed.account.id)
        return bool(session.connection().execute(asked).scalar())
