"""The two doors of the database: `reading()` and `writing()`. There is no other session anywhere.

Neither is ever open across the network or a person's thinking.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core import clock
from core.db.at_rest import is_at_rest, looking
from core.db.commits import number_of, was_carried_out
from core.db.engine import make_engine, make_resting_engine
from core.db.faults import driver_words, is_passing, translated
from core.db.group_commit import GroupCommit, UndoneForAnother
from core.db.sessions import ConnectedSession
from core.errors import StoreBusy, StoreFull
from core.failpoints import fp

T = TypeVar("T")

WRITE_PATIENCE = 30.0
"""Seconds a writer waits for its turn before it gives up."""


class Database:
    """The meeting place of all processes."""

    def __init__(self, url: str, *, patience: float = WRITE_PATIENCE) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._patience = patience
        self._readers: Engine = make_engine(url, query_only=True)
        self._writers: Engine = make_engine(url, query_only=False)
        self.file: Path | None = Path(url.removeprefix("sqlite:///")) if self.is_sqlite else None
        """SQLite's."""
        self.only_read = ""
        """Why it can only be read for now, as a sentence: its disk had no room when it was looked at last."""
        self._group = GroupCommit(self._writers, self.file) if self.file is not None else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A short look, which cannot write: SQLite shows one state, PostgreSQL each question the newest.

        Raises:
            StoreError: the database is out of reach or its disk fails.
        """
        try:
            with self._looking() as connection:
                if self.is_sqlite:
                    # By itself it takes no lock and reads nothing. SQLAlchemy would make a result of it: a third of
                    # what a short look costs.
                    connection.connection.cursor().execute("BEGIN")
                with ConnectedSession(connection, autoflush=False) as session:
                    yield session
                connection.rollback()
        except DBAPIError as error:
            raise translated(error, self.file) from error

    def _looking(self) -> AbstractContextManager[Connection]:
        try:
            connection = self._readers.connect()
        except DBAPIError as error:
            fault = translated(error, self.file)
            if self.file is None or not isinstance(fault, StoreFull) or not is_at_rest(self.file):
                raise
            self.only_read = f"{fault} Until then it can only be read."
            return looking(make_resting_engine(self.url), self.file)
        self.only_read = ""
        return connection

    def writing(self, work: Callable[[Session], T], *, patience: float | None = None, load: float = 0.0) -> T:
        """Do `work` in one transaction, durable when this returns; on a passing fault all of it is tried again.

        `work` may run several times: it must change nothing but the session. Once it is committed it is not done again,
        also where PostgreSQL's word of that is lost. `load` is 0 for a row or two, which go first, and 1 for a full
        batch of messages; with SQLite, what other threads wait with is written in the same transaction up to that.

        Raises:
            StoreBusy: no turn came within the patience, or the server stayed away.
            StoreFull: the disk is full; nothing was written.
            StoreRefused: the database does not take the values (a key is there already, a text holds NUL).
        """
        patience = self._patience if patience is None else patience
        deadline = clock.Deadline(patience)
        is_alone = False
        while True:
            try:
                if self._group is None:
                    return self._write_once(work, deadline)
                return self._group.write(work, deadline, load=load, is_alone=is_alone)
            except UndoneForAnother:
                is_alone = True
            except DBAPIError as error:
                if not is_passing(error):
                    raise translated(error, self.file) from error
                if deadline.is_over():
                    raise StoreBusy(
                        f"The database stayed busy or out of reach for {patience:.0f} seconds ({driver_words(error)}); "
                        "nothing was changed. Try again."
                    ) from error
                pause = random.uniform(0.005, 0.02)  # noqa: S311 - spreads writers, guards nothing
                time.sleep(pause if self.is_sqlite or error.statement else 10 * pause)  # who cannot get in knocks less

    def _write_once(self, work: Callable[[Session], T], deadline: clock.Deadline) -> T:
        with self._writers.connect() as connection, ConnectedSession(connection) as session:
            connection.begin()
            result = work(session)
            session.commit()  # into the transaction that is open on the connection
            number = number_of(connection)
            fp("K9")
            try:
                connection.commit()
            except DBAPIError as error:
                if number is None or not is_passing(error) or not was_carried_out(self._writers, number, deadline):
                    raise
            return result

    def outlives_power(self) -> bool:
        """Whether what is committed survives a power cut: it is synced, unless PostgreSQL is told never to."""
        if self.is_sqlite:
            return True
        with self.reading() as session:
            return bool(session.connection().exec_driver_sql("SHOW fsync").scalar_one() == "on")

    def takes_changes(self) -> bool:
        """Whether there is a PostgreSQL server that may be written to, which a standby is not."""
        if self.is_sqlite:
            return True
        standby = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"
        with self.reading() as session:
            return not session.connection().exec_driver_sql(standby).scalar_one()

    def close(self) -> None:
        """Give back all connections."""
        self._readers.dispose()
        self._writers.dispose()
        if self._group is not None:
            self._group.close()
