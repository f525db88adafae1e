"""Accounts that are well, due, and that nobody fetches: workers that are too few, hang, or do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Account, AccountStatus, Validity, Worker

_account, _status, _worker = table_of(Account), table_of(AccountStatus), table_of(Worker)


@dataclass(frozen=True)
class Silent:
    """An account whose turn does not come."""

    name: str
    due_at: datetime
    last_ok_at: datetime | None


def silence_of(account: Silent, now: datetime, silence: timedelta, worked_since: datetime | None) -> str | None:
    """What a person must know of it, if anything.

    Only the time in which a worker was there counts: after a night without one all accounts are overdue for a moment.
    """
    if worked_since is None or now - max(account.due_at, worked_since) < silence:
        return None
    last = f"since {account.last_ok_at:%Y-%m-%d %H:%M} UTC" if account.last_ok_at is not None else "yet"
    return (
        f"Account {account.name} has not been fetched {last}: no worker has come to it, though it was due at "
        f"{account.due_at:%Y-%m-%d %H:%M} UTC. See postroom list worker; raise fetch_slots or slots_per_host, or start "
        "another worker."
    )


def silences(handles: Handles, now: datetime, silence: timedelta) -> dict[str, str]:
    """What a person must know of such accounts, by their names."""
    overdue = (
        select(_account.c.name, _status.c.due_at, _status.c.last_ok_at)
        .join(_status, _status.c.account_id == _account.c.id)
        .where(
            _account.c.deleted_at.is_(None),
            _account.c.validity == Validity.VALID.value,
            _status.c.failures == 0,
            _status.c.paused.is_(False),
            _status.c.due_at <= now - silence,
            or_(_status.c.lease_until.is_(None), _status.c.lease_until < now),
        )
    )
    alive = select(func.min(_worker.c.started_at)).where(
        _worker.c.heartbeat_at > now - WORKER_ALIVE_FOR, _worker.c.role.in_(("fetch", "both"))
    )
    with handles.database.reading() as session:
        found = [Silent(*row) for row in session.connection().execute(overdue)]
        worked_since = session.connection().execute(alive).scalar() if found else None
    told = ((one.name, silence_of(one, now, silence, worked_since)) for one in found)
    return {name: text for name, text in told if text is not None}
