"""Writing into SQLite: one commit for what the threads of a process have to write at the same time.

SQLite lets one transaction write at a time, and each waits for the disk. A worker that fetches from many accounts has a
thread for each, with a few rows; one after the other they would wait for the disk as often as there are of them. So
whoever's turn it is writes what others wait with as well, each in a savepoint, and commits once for all. PostgreSQL
does the same by itself (its manual, "Asynchronous Commit" and `commit_delay`); that one thread works for those that
wait is flat combining (Hendler et al., SPAA 2010).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core import clock
from core.db.faults import is_passing
from core.db.right_of_way import RightOfWay
from core.db.sessions import ConnectedSession
from core.errors import StoreBusy
from core.failpoints import fp

T = TypeVar("T")

FULL = 1.0
"""A batch as large as they come. No more is written together: other processes wait for their turn, too."""


class UndoneForAnother(Exception):
    """It was written together with others, and the transaction failed; each is to be done again, alone."""


@dataclass(eq=False)
class _Write:
    """What one thread waits with."""

    work: Callable[[Session], object]
    load: float
    is_alone: bool
    """Whether it is written together with nothing else."""
    thread: str = field(default_factory=lambda: threading.current_thread().name)
    bell: threading.Event = field(default_factory=threading.Event)
    """Rings when it is over, or when it is this thread's turn."""
    is_its_turn: bool = False
    is_durable: bool = False
    is_over: bool = False
    result: object = None
    error: BaseException | None = None

    def carry_out(self, connection: Connection) -> None:
        with ConnectedSession(connection) as session:
            self.result = self.work(session)
            fp("K9", thread=self.thread)
            session.commit()  # into the transaction that is open on the connection

    def outcome(self) -> object:
        if self.error is not None:
            raise self.error
        return self.result


class GroupCommit:
    """The writers of one process; threads queue here, so that only one of them polls for SQLite's lock."""

    def __init__(self, engine: Engine, database: Path) -> None:
        self._engine = engine
        self._way = RightOfWay(database)
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []
        self._is_taken = False
        """Whether it is somebody's turn."""

    def write(
        self, work: Callable[[Session], T], deadline: clock.Deadline, *, load: float = 0.0, is_alone: bool = False
    ) -> T:
        """Do `work` in a transaction; it is durable when this returns. Another thread may do it.

        Raises:
            StoreBusy: no turn came in time.
            UndoneForAnother: the transaction failed, and not for this work alone.
            DBAPIError: SQLite's own.
        """
        mine = _Write(work, load, is_alone)
        self._queue(mine)
        try:
            self._wait(mine, deadline)
        except BaseException:
            self._leave(mine)
            raise
        if mine.is_its_turn:
            self._take_turn(mine, deadline)
        return cast("T", mine.outcome())

    def close(self) -> None:
        """Nobody writes any more."""
        self._way.close()

    # -- the queue --------------------------------------------------------------------------------------------------

    def _queue(self, mine: _Write) -> None:
        with self._lock:
            self._waiting.append(mine)
            if not self._is_taken:
                self._is_taken = mine.is_its_turn = True

    def _wait(self, mine: _Write, deadline: clock.Deadline) -> None:
        while not (mine.is_its_turn or mine.is_over):
            if not mine.bell.wait(max(0.001, deadline.remaining())):
                self._give_up(mine)
                mine.bell.wait()  # somebody writes it at this moment: what comes of it must be known

    def _give_up(self, mine: _Write) -> None:
        with self._lock:
            if mine not in self._waiting or mine.is_its_turn:
                return
            self._waiting.remove(mine)
        raise StoreBusy("The database was busy with other work of this process for too long; nothing was changed.")

    def _leave(self, mine: _Write) -> None:
        """Whoever waits is interrupted: it waits no longer, and is not the one whom the others wait for."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.is_its_turn:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_taken = following is not None
            if following is not None:
                following.is_its_turn = True
                following.bell.set()

    def _another(self, room: float) -> _Write | None:
        """What is written in the same transaction, if it has room: what is small first."""
        with self._lock:
            fits = [one for one in self._waiting if not one.is_alone and one.load <= room]
            if not fits or self._way.is_claimed():
                return None
            another = min(fits, key=lambda one: one.load)
            self._waiting.remove(another)
            return another

    # -- a turn -----------------------------------------------------------------------------------------------------

    def _take_turn(self, mine: _Write, deadline: clock.Deadline) -> None:
        written = [mine]
        try:
            with self._lock:
                self._waiting.remove(mine)
            self._write_together(written, deadline)
        except BaseException as error:  # noqa: BLE001 - raised again where each of them waits
            is_ours = len(written) == 1 or not isinstance(error, Exception)
            for one in written:
                if one is mine and is_ours:
                    one.error = error
                elif not one.is_durable:  # what comes after the commit undoes nothing
                    one.error = UndoneForAnother()
        finally:
            for one in written:
                one.is_over = True
                one.bell.set()
            self._pass_on()

    def _write_together(self, written: list[_Write], deadline: clock.Deadline) -> None:
        (mine,) = written
        with self._engine.connect() as connection:
            self._begin(connection, deadline, is_batch=mine.load > 0)
            mine.carry_out(connection)
            # A row or two take no batch along: they would wait for it, and its memory would stay with their thread.
            room = FULL - mine.load if mine.load else 0.0
            while not mine.is_alone and (another := self._another(room)) is not None:
                written.append(another)
                room -= another.load
                _carry_out_apart(another, connection)
            try:
                connection.commit()
            except BaseException:
                connection.invalidate()  # SQLite may have left the transaction open: closing ends it
                raise
            for one in written:
                one.is_durable = True

    def _begin(self, connection: Connection, deadline: clock.Deadline, *, is_batch: bool) -> None:
        if is_batch:
            _begin_immediate(connection, deadline, self._way.give_way)
        elif not _begins(connection, deadline):
            with self._way.claimed():
                _begin_immediate(connection, deadline)


def _carry_out_apart(one: _Write, connection: Connection) -> None:
    """Do it in a savepoint: what goes wrong with it is its own affair, unless SQLite undoes all."""
    connection.exec_driver_sql("SAVEPOINT apart")
    try:
        one.carry_out(connection)
    except Exception as error:
        if not cast("Any", connection.connection.dbapi_connection).in_transaction:
            raise
        one.error = error
        connection.exec_driver_sql("ROLLBACK TO apart")
    connection.exec_driver_sql("RELEASE apart")


def _begin_immediate(
    connection: Connection, deadline: clock.Deadline, before: Callable[[], None] = lambda: None
) -> None:
    # A transaction that reads and then writes must begin so: a later upgrade fails at once, whatever the timeout.
    # Polling each 1-2 ms gave other processes' small writers p95 12 ms, where SQLite's handler gave 1.5 s.
    before()
    while not _begins(connection, deadline):
        time.sleep(random.uniform(0.001, 0.002))  # noqa: S311 - spreads writers, guards nothing
        before()


def _begins(connection: Connection, deadline: clock.Deadline) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except DBAPIError as error:
        connection.rollback()
        if not is_passing(error) or deadline.is_over():
            raise
        return False
    return True
