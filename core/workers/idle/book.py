"""Which accounts a worker idles on, as the database knows it: one worker an account, as long as that worker lives.

There is no lease to renew: a thousand rows a minute would say what the heartbeat says in one. Should two workers idle
on one account for a moment, both make it due, which is as if one had.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from core import clock
from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.errors import ConfigurationError, NotOffered, PostroomError, Throttled
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Account, AccountStatus, AccountType, FolderMark, Validity, Worker
from core.protocols.source import Selected
from core.workers.idle.spots import Mine

AFTER_REFUSAL = timedelta(hours=1)
"""A provider that limits connections, or refuses us, is only polled for so long."""

WITHOUT_IDLE = timedelta(hours=24)
"""After so long a server that did not offer IDLE is asked again."""

AT_ONCE = 200
"""Accounts claimed in one transaction."""

_IMAP = tuple(kind.value for kind in AccountType if kind.is_imap)
_account, _status, _worker = table_of(Account), table_of(AccountStatus), table_of(Worker)


def mine(handles: Handles) -> list[Mine]:
    """The accounts that this worker is to idle on; those that were paused, changed or deleted are gone from it."""
    held = (
        select(_account.c.id, _account.c.version, _account.c.host, _account.c.folders, _status.c.failures)
        .join(_status, _status.c.account_id == _account.c.id)
        .where(_status.c.idle_owner == handles.worker_id, *_wanted(clock.utcnow()))
        .order_by(_account.c.priority, _account.c.id)
    )
    with handles.database.reading() as session:
        rows = session.connection().execute(held).all()
    return [Mine(row.id, row.version, row.host, row.failures == 0, tuple(row.folders)) for row in rows]


def claim(handles: Handles, count: int) -> int:
    """Take up to `count` accounts that nobody alive idles on and that are fetched well; gives back how many."""
    now = clock.utcnow()
    free = (
        select(_status.c.account_id)
        .join(_account, _status.c.account_id == _account.c.id)
        .where(_is_free(now), _status.c.failures == 0, _status.c.last_ok_at.is_not(None), *_wanted(now))
        .order_by(_account.c.priority, _account.c.id)
        .limit(min(count, AT_ONCE))
    )
    if count <= 0:
        return 0
    with handles.database.reading() as session:
        if session.connection().execute(free).first() is None:
            return 0

    def take(session: Session) -> int:
        ids = list(session.connection().scalars(skip_locked(free)))
        _set(session, ids, {"idle_owner": handles.worker_id})
        return len(ids)

    return handles.database.writing(take)


def release(handles: Handles, account_ids: Sequence[int] | None = None) -> None:
    """Leave these, or all, to other workers."""
    ours = _status.c.idle_owner == handles.worker_id
    if account_ids is not None:
        ours &= _status.c.account_id.in_(account_ids)
    freed = update(_status).where(ours).values(idle_owner="")
    handles.database.writing(lambda session: session.connection().execute(freed))


def leave_alone(handles: Handles, account_id: int, wait: timedelta) -> None:
    """Only poll this account for so long."""
    until = {"idle_owner": "", "idle_after": clock.utcnow() + wait}
    handles.database.writing(lambda session: _set(session, [account_id], until))


def refused_for(error: PostroomError) -> timedelta | None:
    """For how long IDLE is not tried again after this error; `None`: it may pass at any moment."""
    if isinstance(error, Throttled):
        return max(AFTER_REFUSAL, timedelta(seconds=min(error.retry_after or 0.0, WITHOUT_IDLE.total_seconds())))
    if isinstance(error, NotOffered):
        return WITHOUT_IDLE
    return AFTER_REFUSAL if error.is_permanent or isinstance(error, ConfigurationError) else None


def make_due(handles: Handles, account_ids: Collection[int]) -> None:
    """New mail: these are due now. One that fails waits its turn all the same; one that is being fetched goes again."""
    now = clock.utcnow()
    called = (
        update(_status)
        .where(
            _status.c.account_id.in_(account_ids),
            _status.c.failures == 0,
            or_(_status.c.due_at > now, _status.c.lease_owner != ""),
        )
        .values(due_at=now)
    )
    handles.database.writing(lambda session: session.connection().execute(called))
    handles.changes.moved("account")


def account_of(handles: Handles, account_id: int) -> Account | None:
    """The account as it is configured now."""
    with handles.database.reading() as session:
        return session.get(Account, account_id)


def is_behind(handles: Handles, account: Account, selected: Selected) -> bool:
    """Whether mail came between the last poll and the moment the connection began to listen."""
    with handles.database.reading() as session:
        mark = session.get(FolderMark, (account.id, account.epoch, selected.folder))
    if mark is None:
        return False  # its first run is due by itself
    if mark.uidvalidity != selected.uidvalidity:
        return True
    return selected.uidnext - 1 > mark.uid_settled if selected.uidnext else selected.exists > mark.messages


def _wanted(now: datetime) -> tuple[Any, ...]:
    return (
        _account.c.deleted_at.is_(None),
        _account.c.validity == Validity.VALID.value,
        _account.c.type.in_(_IMAP),
        _account.c.idle.is_(True),
        _status.c.paused.is_(False),
        or_(_status.c.idle_after.is_(None), _status.c.idle_after <= now),
    )


def _is_free(now: datetime) -> Any:
    alive = select(_worker.c.id).where(_worker.c.heartbeat_at > now - WORKER_ALIVE_FOR)
    return or_(_status.c.idle_owner == "", _status.c.idle_owner.not_in(alive))


def _set(session: Session, ids: Sequence[int], values: dict[str, Any]) -> None:
    session.connection().execute(update(_status).where(_status.c.account_id.in_(ids)).values(values))
