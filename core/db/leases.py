"""Leases: until when a row is somebody's, and the fence that tells its claims apart.

A claim returns a number that grows by one each time; every write of a claimant says `WHERE fence = :mine`, and no row
hit means: somebody else has it now, stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import or_, select, update
from sqlmodel import Session, SQLModel

from core import clock
from core.db.bulk import database_now, skip_locked, table_of
from core.db.doors import Database
from core.errors import LeaseLost, StoreError


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


def _key_column(model: type[SQLModel]) -> Any:
    return next(iter(table_of(model).primary_key))


def is_free(session: Session, model: type[SQLModel], now: datetime) -> Any:
    """The condition of a row that nobody holds, or whose lease ran out."""
    table = table_of(model)
    return or_(table.c.lease_until.is_(None), table.c.lease_until < database_now(session, now))


def claim(
    session: Session, model: type[SQLModel], key: int, owner: str, *, now: datetime, seconds: float
) -> Lease | None:
    """Take one row if it is free; `None` if another holds it."""
    table = table_of(model)
    row = _key_column(model)
    free = skip_locked(select(table.c.fence).where(row == key, is_free(session, model, now)))
    fence = session.connection().execute(free).scalar_one_or_none()
    if fence is None:
        return None
    taken = {"lease_owner": owner, "lease_until": _end(session, now, seconds), "fence": fence + 1}
    session.connection().execute(update(table).where(row == key).values(taken))
    return Lease(model, key, owner, fence + 1)


def hold(session: Session, lease: Lease, now: datetime, seconds: float) -> None:
    """Renew the lease within the transaction that writes under it; the fence is checked by the same statement.

    Raises:
        LeaseLost: another worker has claimed the row since.
    """
    table = table_of(lease.model)
    hit = session.connection().execute(
        update(table).where(lease.is_mine()).values(lease_until=_end(session, now, seconds))
    )
    if hit.rowcount != 1:
        raise LeaseLost(f"Another worker has taken over {table.name} {lease.key}; what was in hand is left to it.")


def _end(session: Session, now: datetime, seconds: float) -> Any:
    """Until when a claim made now lasts, by the clock that ends it: a machine whose own is slow must not be robbed."""
    lasts = timedelta(seconds=seconds)
    is_postgres = session.get_bind().dialect.name == "postgresql"
    return database_now(session, now) + lasts if is_postgres else now + lasts


def release(session: Session, lease: Lease) -> bool:
    """Give the row back; false if it was no longer ours."""
    table = table_of(lease.model)
    hit = session.connection().execute(update(table).where(lease.is_mine()).values(lease_owner="", lease_until=None))
    return bool(hit.rowcount)


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
                self._thread = threading.Thread(target=self._run, name="lease-renewer", daemon=True)
                self._thread.start()

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
                self._renew(held)

    def _renew(self, held: list[Lease]) -> None:
        asked_at = clock.monotonic()
        try:
            still_mine = self._database.writing(self._renewal(held), patience=self.seconds / 3)
        except StoreError:
            return  # `outlives` turns false by itself; the next round tries again
        with self._lock:
            for lease in held:
                if lease in self._held:
                    if lease in still_mine:
                        self._held[lease] = asked_at + self.seconds
                    else:
                        del self._held[lease]

    def _renewal(self, held: list[Lease]) -> Callable[[Session], set[Lease]]:
        def renew(session: Session) -> set[Lease]:
            until = _end(session, clock.utcnow(), self.seconds)
            return {
                lease
                for lease in held
                if session.connection()
                .execute(update(table_of(lease.model)).where(lease.is_mine()).values(lease_until=until))
                .rowcount
            }

        return renew
