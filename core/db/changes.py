"""What moved: how a process learns that another one wrote, without asking for everything again.

A topic's version in the `changed` table grows when something of it was written. Writers note topics and a thread
writes them, at most five times a second, outside their transactions, so that no two of them wait for one row.
"""

from __future__ import annotations

import contextlib
import threading

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core.db.alike import dialect_of
from core.db.bulk import dialect_insert, table_of
from core.db.doors import Database
from core.db.engine import make_engine
from core.db.faults import translated
from core.errors import PostroomError, StoreError
from core.models import Changed

INTERVAL = 0.2
"""Seconds between two writes of versions, and between two looks."""


class ChangeFeed:
    """Notes which topics moved and tells the other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dirty: set[str] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def moved(self, *topics: str) -> None:
        """Something of these topics was written just now."""
        with self._lock:
            self._dirty.update(topics)
            if self._thread is None and not self._closed.is_set():
                thread = threading.Thread(target=self._run, name="change-feed", daemon=True)
                thread.start()
                self._thread = thread  # one that could not begin is not waited for

    def flush(self) -> None:
        """Write what is noted now; it is there when this returns, also where the thread took it a moment before."""
        with self._writing:
            with self._lock:
                topics, self._dirty = sorted(self._dirty), set()
            if topics:
                try:
                    self._database.writing(lambda session: _bump(session, topics), patience=2)
                except StoreError:
                    # A later flush tells it: watchers also look at times by themselves.
                    with self._lock:
                        self._dirty.update(topics)

    def close(self) -> None:
        """Write the rest and stop."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(INTERVAL):
            self.flush()


def _bump(session: Session, topics: list[str]) -> None:
    table = table_of(Changed)
    statement = dialect_insert(dialect_of(session), Changed).on_conflict_do_update(
        index_elements=["topic"], set_={"version": table.c.version + 1}
    )
    session.connection().execute(statement, [{"topic": topic, "version": 1} for topic in topics])


class Watcher:
    """One private connection that sees when another process committed; a new one when it broke."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = make_engine(database.url, query_only=True)
        self._connection: Connection | None = None
        self._versions: dict[str, int] = {}
        self._data_version = -1
        with contextlib.suppress(PostroomError):  # whoever asks for what moved is told
            self.changed()

    def changed(self) -> set[str]:
        """The topics that moved since the last call; after a break rather too many than too few.

        Raises:
            StoreError: the database is out of reach; the next call tries again.
        """
        try:
            return self._look(self._connected())
        except DBAPIError as error:
            self._disconnect()
            raise translated(error, self._database.file) from error

    def _connected(self) -> Connection:
        if self._connection is None:
            # AUTOCOMMIT: SQLite's data_version only compares on one connection, outside any transaction.
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._data_version = -1
        return self._connection

    def _look(self, connection: Connection) -> set[str]:
        if self._database.is_sqlite:
            data_version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            if data_version == self._data_version:
                return set()
            self._data_version = data_version
        table = table_of(Changed)
        rows = connection.execute(select(table.c.topic, table.c.version)).all()
        versions: dict[str, int] = {topic: version for topic, version in rows}
        moved = {topic for topic, version in versions.items() if self._versions.get(topic) != version}
        self._versions = versions
        return moved

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):
                self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def wait(self, seconds: float, stop: threading.Event, wake: threading.Event | None = None) -> set[str]:
        """The topics that moved, as soon as any does, or none when the time is over or `stop` or `wake` is set.

        `wake` is for news of this process itself, which need not go through the database.
        """
        waited = 0.0
        while not stop.is_set() and not (wake is not None and wake.is_set()):
            if moved := self.changed():
                return moved
            if waited >= seconds:
                break
            (wake or stop).wait(INTERVAL)
            waited += INTERVAL
        return set()

    def close(self) -> None:
        """Give back the connection."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
