"""Whose turn it is: a choice among what is due in which no server and no failing account takes all the slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, or_, select
from sqlmodel import Session

from core.db import leases
from core.db.alike import dialect_of, given_now, now_in
from core.db.bulk import table_of
from core.models import Account, AccountStatus, Validity
from core.models.base import UtcDateTime
from core.settings import RuntimeSettings

T = TypeVar("T")

_account, _status = table_of(Account), table_of(AccountStatus)


@dataclass(frozen=True)
class Due:
    """An account that is due and free."""

    account_id: int
    host: str
    priority: int
    due_at: datetime
    is_failing: bool
    """Whether its last run failed: it may hang in its slot until a deadline."""


@dataclass(frozen=True)
class Room:
    """What there is to give."""

    slots: int
    """Slots that are free in this worker."""
    for_failing: int
    """How many of them failing accounts may have: half of all slots stay with those that work."""
    per_host: int
    """How many accounts of one server are fetched at once, by all workers."""
    busy_hosts: Mapping[str, int]
    """How many of each server are being fetched now."""


@dataclass(frozen=True)
class Waiting:
    """What was seen at one look: whose turn may come, and what there was to give."""

    due: Sequence[Due]
    room: Room

    @property
    def has_turns(self) -> bool:
        """Whether anybody's turn has come."""
        return bool(choose(self.due, self.room, lambda one: one))


def choose(due: Sequence[Due], room: Room, claim: Callable[[Due], T | None]) -> list[T]:
    """Give what there is: lowest priority number first, then the longest overdue.

    `claim` takes an account; `None` says that it is not to be had any more, and its place goes to the next.
    """
    chosen: list[T] = []
    per_host, failing = Counter(room.busy_hosts), 0
    for one in sorted(due, key=lambda one: (one.priority, one.due_at, one.account_id)):
        if len(chosen) >= room.slots:
            break
        if per_host[one.host] >= room.per_host or (one.is_failing and failing >= room.for_failing):
            continue
        if (claimed := claim(one)) is not None:
            chosen.append(claimed)
            per_host[one.host] += 1
            failing += one.is_failing
    return chosen


def waiting(
    session: Session,
    settings: RuntimeSettings,
    slots: int,
    now: datetime,
    busy: Mapping[int, bool],
    *,
    leaving: str | None = None,
) -> Waiting:
    """Look who is due.

    Args:
        session: a look.
        settings: how many slots there are.
        slots: how many are free.
        now: the time.
        busy: the accounts that this worker has in hand, and whether each is failing.
        leaving: the server at which a place is about to be free.
    """
    for_failing = max(1, settings.fetch_slots // 2) - sum(busy.values())
    busy_hosts = _busy_hosts(session, now)
    if leaving in busy_hosts:
        busy_hosts[leaving] -= 1
    room = Room(slots, for_failing, settings.slots_per_host, busy_hosts)
    # Of each server at most `per_host` are looked at, and of those as many may be refused as are busy there already:
    # this many hold enough for all slots, however many accounts of one server stand before the others.
    most = slots + sum(room.busy_hosts.values()) + len(busy)
    well = _due(session, now, most, room.per_host, busy, is_failing=False)
    failing = _due(session, now, most, room.per_host, busy, is_failing=True) if room.for_failing > 0 else []
    return Waiting(well + failing, room)


def still_free(session: Session, room: Room, now: datetime) -> Room:
    """What is left of the room, now that nobody else can take of it."""
    return replace(room, busy_hosts=_busy_hosts(session, now))


def has_slot(session: Session, host: str, per_host: int, now: datetime) -> bool:
    """Whether one more account of a server may be fetched now."""
    return _busy_hosts(session, now).get(host, 0) < per_host


def _due(
    session: Session, now: datetime, most: int, per_host: int, busy: Collection[int], *, is_failing: bool
) -> list[Due]:
    given = {"at": now, "per_host": per_host, "most": most, **given_now(session, now)}
    rows = session.connection().execute(_first_due(dialect_of(session), is_failing), given)
    return [Due(row.id, row.host, row.priority, row.due_at, is_failing) for row in rows if row.id not in busy]


def _busy_hosts(session: Session, now: datetime) -> dict[str, int]:
    rows = session.connection().execute(_busy(dialect_of(session)), given_now(session, now))
    return {host: count for host, count in rows}


# A worker looks whenever a run ends: these statements are made once.


@lru_cache(maxsize=4)
def _first_due(dialect: str, is_failing: bool) -> Any:
    order: tuple[Any, ...] = (_account.c.priority, _status.c.due_at, _account.c.id)
    at = bindparam("at", type_=UtcDateTime())
    ranked = (
        select(
            _account.c.id,
            _account.c.host,
            _account.c.priority,
            _status.c.due_at,
            func.row_number().over(partition_by=_account.c.host, order_by=order).label("place"),
        )
        .join(_status, _status.c.account_id == _account.c.id)
        .where(
            _account.c.deleted_at.is_(None),
            _account.c.validity == Validity.VALID.value,
            _status.c.due_at <= at,
            _status.c.paused.is_(False),
            _status.c.failures > 0 if is_failing else _status.c.failures == 0,
            or_(_status.c.retry_after.is_(None), _status.c.retry_after <= at),
            leases.is_free_in(dialect, AccountStatus),
        )
        .subquery()
    )
    return (
        select(ranked)
        .where(ranked.c.place <= bindparam("per_host"))
        .order_by(ranked.c.priority, ranked.c.due_at, ranked.c.id)
        .limit(bindparam("most"))
    )


@lru_cache(maxsize=2)
def _busy(dialect: str) -> Any:
    return (
        select(_account.c.host, func.count())
        .join(_status, _status.c.account_id == _account.c.id)
        .where(_status.c.lease_until > now_in(dialect))
        .group_by(_account.c.host)
    )
