"""Which accounts are due, and claiming them: a claim, the run that begins with it, and the end of runs that died."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, select, update
from sqlmodel import Session, col

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.db.leases import Lease
from core.handles import Handles
from core.inbound.turns import Waiting, choose, has_slot, still_free, waiting
from core.models import Account, AccountStatus, Run, RunState, Validity
from core.settings import RuntimeSettings

LOOKS = 3
"""How often a worker looks anew when others took all that it had seen."""

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
    is_failing: bool = False
    """Whether the run before it failed: it may hang in its slot until a deadline."""
    certificate_expires: datetime | None = None
    """When the certificate ends that its server showed last."""


def claim_due(
    handles: Handles, settings: RuntimeSettings, slots: int, *, busy: Collection[Claimed] = ()
) -> list[Claimed]:
    """Claim up to `slots` accounts that are due: lowest priority number first, then the longest overdue.

    `busy` is what this worker has in hand.
    """
    in_hand = {one.lease.key: one.is_failing for one in busy}
    for _ in range(LOOKS if slots > 0 else 0):
        now = clock.utcnow()
        with handles.database.reading() as session:
            seen = waiting(session, settings, slots, now, in_hand)
        if not seen.has_turns:
            break
        if claimed := handles.database.writing(partial(claim_seen, handles, seen, now)):
            return claimed
    return []


def claim_seen(handles: Handles, seen: Waiting, now: datetime, session: Session) -> list[Claimed]:
    """Claim of those that were seen to be due, whoever still is: it was looked for before the lock."""
    room = still_free(session, seen.room, now)
    return choose(seen.due, room, lambda one: _claim(session, handles, one.account_id, now, is_due=True))


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


def _claim(
    session: Session, handles: Handles, account_id: int, now: datetime, *, is_due: bool = False
) -> Claimed | None:
    """Claim one account; with `is_due` only if its time has come."""
    seconds = handles.renewer.seconds
    lease = leases.claim(session, AccountStatus, account_id, handles.worker_id, now=now, seconds=seconds)
    if lease is None:
        return None
    found = session.execute(_standing(), {"this": account_id}).one()
    account: Account = found.Account
    if account.deleted_at is not None or (is_due and not _is_due(found, now)):
        leases.release(session, lease)
        return None
    session.expunge(account)
    if found.is_running:
        _close_dead_runs(session, account_id, now)
    run_id = session.connection().execute(_beginning(), _run_of(handles, account, lease, now)).scalar_one()
    session.connection().execute(_begun(), {**lease.named, "run": run_id})
    # A run that a fault of ours ended has closed itself, and is the account's last one.
    died = found.is_running or found.last_state == RunState.ABORTED.value
    failing, ends = found.failures > 0, found.certificate_expires
    return Claimed(account, lease, run_id, died, is_failing=failing, certificate_expires=ends)


def _is_due(found: Any, now: datetime) -> bool:
    is_let = found.retry_after is None or found.retry_after <= now
    return found.Account.validity == Validity.VALID.value and not found.paused and is_let and found.due_at <= now


def _run_of(handles: Handles, account: Account, lease: Lease, now: datetime) -> dict[str, Any]:
    return {
        "account_id": lease.key,
        "account": account.name,
        "host": account.host,
        "worker": f"{handles.host}:{handles.worker_id[:8]}",
        "fence": lease.fence,
        "started_at": now,
    }


def _close_dead_runs(session: Session, account_id: int, now: datetime) -> None:
    """Close what is still marked running although its account was free: its worker died."""
    error = "The worker was lost; the next run took over."
    dead = update(_run).where(_run.c.account_id == account_id, _run.c.state == RunState.RUNNING.value)
    session.connection().execute(dead.values(state=RunState.ABORTED.value, ended_at=now, error=error))


# What each claim executes is made once.


@lru_cache(maxsize=1)
def _standing() -> Any:
    """An account, how it stands, and whether a run of it is still marked running."""
    # Asked so, SQLite goes through the few runs that are running, not through all that the account ever had.
    of_account = _run.c.account_id + 0 == bindparam("this")
    is_running = exists().where(_run.c.state == RunState.RUNNING.value, of_account).correlate(None)
    last = _run.alias("last")
    stands = (_status.c[name] for name in ("due_at", "retry_after", "paused", "failures", "certificate_expires"))
    return (
        select(Account, *stands, is_running.label("is_running"), last.c.state.label("last_state"))
        .join(_status, _status.c.account_id == _account.c.id)
        .outerjoin(last, last.c.id == _status.c.last_run_id)
        .where(_account.c.id == bindparam("this"))
    )


@lru_cache(maxsize=1)
def _beginning() -> Any:
    return insert(_run).returning(_run.c.id)


@lru_cache(maxsize=1)
def _begun() -> Any:
    run: dict[str, Any] = {"last_run_id": bindparam("run"), "stop_requested": False}
    return update(_status).where(leases.is_held(AccountStatus)).values(run)


def accounts_named(handles: Handles, names: Sequence[str] | None) -> list[Account]:
    """The accounts of these names, or all that are valid and not paused; names that are unknown are absent."""
    with handles.database.reading() as session:
        statement = (
            select(Account).where(col(Account.deleted_at).is_(None)).order_by(col(Account.priority), col(Account.name))
        )
        if names is None:
            paused = select(_status.c.account_id).where(_status.c.paused.is_(True))
            statement = statement.where(col(Account.validity) == Validity.VALID.value, col(Account.id).not_in(paused))
        else:
            statement = statement.where(col(Account.name).in_(names))
        return list(session.scalars(statement))
