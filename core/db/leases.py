"""Leases: until when a row is somebody's, and the fence that tells its claims apart.

A claim returns a number that grows by one each time; every write of a claimant says `WHERE fence = :mine`, and no row
hit means: somebody else has it now, stop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Interval, Table, bindparam, func, or_, select, update
from sqlmodel import Session, SQLModel

from core import clock
from core.db.alike import database_now, dialect_of, given_now, now_in, skip_locked
from core.db.bulk import table_of
from core.db.doors import Database
from core.errors import LeaseLost, StoreError
from core.models.base import UtcDateTime

_log = logging.getLogger("postroom.leases")


class Lease(NamedTuple):
    """One claim of one row."""

    model: type[SQLModel]
    """The table the row stands in; it has `lease_owner`, `lease_until`, `fence`."""
    key: int
    """The row's primary key."""
    owner: str
    """The worker that holds it."""
    fence: int
    """The claim's number."""

    def is_mine(self) -> Any:
        """The condition that every write under this lease carries."""
        table = table_of(self.model)
        return (_key_column(self.model) == self.key) & (table.c.fence == self.fence)

    @property
    def named(self) -> dict[str, int]:
        """What a statement with `is_held` is executed with."""
        return {"this": self.key, "claimed": self.fence}


def is_held(model: type[SQLModel]) -> Any:
    """`Lease.is_mine` for a statement that is made once."""
    return (_key_column(model) == bindparam("this")) & (table_of(model).c.fence == bindparam("claimed"))


def _key_column(model: type[SQLModel]) -> Any:
    return next(iter(table_of(model).primary_key))


def is_free(session: Session, model: type[SQLModel], now: datetime) -> Any:
    """The condition of a row that nobody holds, or whose lease ran out."""
    return _is_free(table_of(model), database_now(session, now))


def is_free_in(dialect: str, model: type[SQLModel]) -> Any:
    """The same for a statement that is made once: it is executed with `given_now`."""
    return _is_free(table_of(model), now_in(dialect))


def _is_free(table: Table, now: ColumnElement[datetime]) -> Any:
    return or_(table.c.lease_until.is_(None), table.c.lease_until < now)


def claim(
    session: Session, model: type[SQLModel], key: int, owner: str, *, now: datetime, seconds: float
) -> Lease | None:
    """Take one row if it is free; `None` if another holds it."""
    given = {"this": key, "owner": owner, **given_now(session, now), **_end(session, now, seconds)}
    fence = session.connection().execute(_claiming(dialect_of(session), model), given).scalar_one_or_none()
    return None if fence is None else Lease(model, key, owner, fence)


def hold(session: Session, lease: Lease, now: datetime, seconds: float) -> None:
    """Renew the lease within the transaction that writes under it; the fence is checked by the same statement.

    Raises:
        LeaseLost: another worker has claimed the row since.
    """
    given = {**lease.named, **_end(session, now, seconds)}
    if not session.connection().execute(_holding(dialect_of(session), lease.model), given).rowcount:
        name = table_of(lease.model).name
        raise LeaseLost(f"Another worker has taken over {name} {lease.key}; what was in hand is left to it.")


def release(session: Session, lease: Lease) -> bool:
    """Give the row back; false if it was no longer ours."""
    return bool(session.connection().execute(_releasing(lease.model), lease.named).rowcount)


def _end(session: Session, now: datetime, seconds: float) -> dict[str, Any]:
    """Until when a claim made now lasts, by the clock that ends it: a machine whose own is slow must not be robbed."""
    lasts = timedelta(seconds=seconds)
    return {"lasts": lasts} if dialect_of(session) == "postgresql" else {"until": now + lasts}


# These statements are executed several times a run: they are made once.


def _end_in(dialect: str) -> Any:
    if dialect == "postgresql":
        return func.now() + bindparam("lasts", type_=Interval())
    return bindparam("until", type_=UtcDateTime())


@lru_cache(maxsize=16)
def _claiming(dialect: str, model: type[SQLModel]) -> Any:
    table, row = table_of(model), _key_column(model)
    free = select(row).where(row == bindparam("this"), _is_free(table, now_in(dialect)))
    return (
        update(table)
        # Two that claim several rows each must not wait for each other (PostgreSQL).
        .where(row == skip_locked(free).scalar_subquery())
        .values(lease_owner=bindparam("owner"), lease_until=_end_in(dialect), fence=table.c.fence + 1)
        .returning(table.c.fence)
    )


@lru_cache(maxsize=16)
def _holding(dialect: str, model: type[SQLModel]) -> Any:
    return update(table_of(model)).where(is_held(model)).values(lease_until=_end_in(dialect))


@lru_cache(maxsize=16)
def _renewing(dialect: str, model: type[SQLModel]) -> Any:
    mine = skip_locked(select(_key_column(model)).where(is_held(model)))
    return (
        update(table_of(model)).where(_key_column(model) == mine.scalar_subquery()).values(lease_until=_end_in(dialect))
    )


@lru_cache(maxsize=16)
def _looking(model: type[SQLModel]) -> Any:
    return select(_key_column(model)).where(is_held(model))


@lru_cache(maxsize=16)
def _releasing(model: type[SQLModel]) -> Any:
    free: dict[str, Any] = {"lease_owner": "", "lease_until": None}
    return update(table_of(model)).where(is_held(model)).values(free)


class Renewed(NamedTuple):
    """What came of renewing; a row that was being written just then is in neither."""

    kept: set[Lease]
    lost: set[Lease]
    """Somebody else has claimed these since."""


class Renewer:
    """A thread that keeps this process's leases from running out while work is slow; it has its own connection."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self.seconds = seconds
        """How long a lease lasts from each renewal."""
        self._held: dict[Lease, float] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, *leases: Lease) -> None:
        """Renew these leases from now on."""
        with self._lock:
            self._held.update(dict.fromkeys(leases, clock.monotonic() + self.seconds))
            if leases and self._thread is None:
                thread = threading.Thread(target=self._run, name="lease-renewer", daemon=True)
                thread.start()
                self._thread = thread  # one that could not begin would renew nothing, for good

    def let_go(self, *leases: Lease) -> None:
        """Renew them no longer."""
        with self._lock:
            for lease in leases:
                self._held.pop(lease, None)

    def outlives(self, lease: Lease, seconds: float) -> bool:
        """Whether the lease surely lasts another `seconds`: ask before what cannot be undone."""
        with self._lock:
            return self._held.get(lease, 0.0) - clock.monotonic() > seconds

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed.wait(self.seconds / 3):
            with self._lock:
                held = list(self._held)
            if held:
                try:
                    self._renew(held)
                except Exception:  # noqa: BLE001 - logged; without this thread the worker would lose all that it claims
                    _log.exception("leases could not be renewed")

    def _renew(self, held: list[Lease]) -> None:
        asked_at = clock.monotonic()
        try:
            renewed = self._database.writing(self._renewal(held), patience=self.seconds / 3)
        except StoreError:
            return  # `outlives` turns false by itself; the next round tries again
        with self._lock:
            for lease in held:
                if lease in self._held and lease in renewed.kept:
                    self._held[lease] = asked_at + self.seconds
                elif lease in renewed.lost:
                    self._held.pop(lease, None)

    def _renewal(self, held: list[Lease]) -> Callable[[Session], Renewed]:
        """Which are kept, and which are lost; a row that is being written just now is left for the next round.

        Whoever writes several rows at once takes them in another order: to wait for them here would be a deadlock.
        """

        def renew(session: Session) -> Renewed:
            connection, dialect = session.connection(), dialect_of(session)
            end = _end(session, clock.utcnow(), self.seconds)
            kept = {
                lease
                for lease in held
                if connection.execute(_renewing(dialect, lease.model), {**lease.named, **end}).rowcount
            }
            left = [lease for lease in held if lease not in kept]
            lost = {lease for lease in left if connection.execute(_looking(lease.model), lease.named).first() is None}
            return Renewed(kept, lost)

        return renew
