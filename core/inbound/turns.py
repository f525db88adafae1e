"""Whose turn it is: a choice among what is due in which no server and no failing account takes all the slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session

from core.db import bulk, leases
from core.db.bulk import table_of
from core.models import Account, AccountStatus, Validity
from core.settings import RuntimeSettings

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


def choose(due: Sequence[Due], room: Room) -> list[int]:
    """The accounts to claim: lowest priority number first, then the longest overdue."""
    chosen: list[int] = []
    per_host, failing = Counter(room.busy_hosts), 0
    for one in sorted(due, key=lambda one: (one.priority, one.due_at, one.account_id)):
        if len(chosen) >= room.slots:
            break
        if per_host[one.host] >= room.per_host or (one.is_failing and failing >= room.for_failing):
            continue
        chosen.append(one.account_id)
        per_host[one.host] += 1
        failing += one.is_failing
    return chosen


def next_turns(
    session: Session, settings: RuntimeSettings, slots: int, now: datetime, busy: Sequence[int]
) -> list[int]:
    """The accounts to claim next; `busy` are those this worker has in hand."""
    room = Room(slots, _left_for_failing(session, settings, busy), settings.slots_per_host, _busy_hosts(session, now))
    # Of each server at most `per_host` are looked at, and of those as many may be refused as are busy there already:
    # this many hold enough for all slots, however many accounts of one server stand before the others.
    limit = slots + sum(room.busy_hosts.values())
    well = _due(session, now, limit, room.per_host, busy, is_failing=False)
    failing = _due(session, now, limit, room.per_host, busy, is_failing=True) if room.for_failing > 0 else []
    return choose(well + failing, room)


def has_slot(session: Session, host: str, per_host: int, now: datetime) -> bool:
    """Whether one more account of a server may be fetched now."""
    return _busy_hosts(session, now).get(host, 0) < per_host


def _left_for_failing(session: Session, settings: RuntimeSettings, busy: Sequence[int]) -> int:
    running = select(func.count()).where(_status.c.account_id.in_(busy), _status.c.failures > 0)
    most = max(1, settings.fetch_slots // 2)
    return most - int(session.connection().execute(running).scalar_one()) if busy else most


def _due(
    session: Session, now: datetime, limit: int, per_host: int, busy: Sequence[int], *, is_failing: bool
) -> list[Due]:
    order: tuple[Any, ...] = (_account.c.priority, _status.c.due_at, _account.c.id)
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
            _status.c.due_at <= now,
            _status.c.paused.is_(False),
            _status.c.failures > 0 if is_failing else _status.c.failures == 0,
            or_(_status.c.retry_after.is_(None), _status.c.retry_after <= now),
            leases.is_free(session, AccountStatus, now),
            _account.c.id.not_in(busy),
        )
        .subquery()
    )
    statement = (
        select(ranked)
        .where(ranked.c.place <= per_host)
        .order_by(ranked.c.priority, ranked.c.due_at, ranked.c.id)
        .limit(limit)
    )
    return [
        Due(row.id, row.host, row.priority, row.due_at, is_failing) for row in session.connection().execute(statement)
    ]


def _busy_hosts(session: Session, now: datetime) -> dict[str, int]:
    held = (
        select(_account.c.host, func.count())
        .join(_status, _status.c.account_id == _account.c.id)
        .where(_status.c.lease_until > bulk.database_now(session, now))
        .group_by(_account.c.host)
    )
    return {host: count for host, count in session.connection().execute(held)}
