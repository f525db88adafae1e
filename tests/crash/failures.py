"""Failures at the n-th step: a statement to the database, its word of a commit, a call to the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from core.db.engine import sqlite_module
from core.handles import Handles
from core.protocols import wire


class Countdown:
    """Fails at the n-th call, once."""

    def __init__(self, at: int, failure: Callable[[], Exception]) -> None:
        self.left = at
        self._failure = failure

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise self._failure()

    @property
    def has_failed(self) -> bool:
        return self.left <= 0


@contextmanager
def failing_database(handles: Handles, number: int) -> Iterator[Countdown]:
    def failure() -> Exception:
        return OperationalError("a statement", {}, sqlite_module().OperationalError("disk I/O error"))

    countdown = Countdown(number, failure)

    def count(*_: object) -> None:
        countdown()

    engines = (handles.database._readers, handles.database._writers)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield countdown
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)


@contextmanager
def losing_commit(handles: Handles, number: int) -> Iterator[Countdown]:
    """The n-th commit is carried out, and its connection breaks before the server's word of it comes (PostgreSQL)."""
    countdown = Countdown(number, lambda: psycopg.OperationalError("server closed the connection unexpectedly"))
    dialect = handles.database._writers.dialect
    commit = dialect.do_commit

    def commit_and_break(connection: Any) -> None:
        commit(connection)
        try:
            countdown()
        except psycopg.OperationalError:
            connection.dbapi_connection.close()
            raise

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dialect, "do_commit", commit_and_break)
        yield countdown


class Counted:
    """A socket whose calls are counted."""

    def __init__(self, real: Any, countdown: Countdown) -> None:
        self._real = real
        self._countdown = countdown

    def recv(self, size: int) -> bytes:
        self._countdown()
        data: bytes = self._real.recv(size)
        return data

    def send(self, data: bytes) -> int:
        self._countdown()
        sent: int = self._real.send(data)
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def failing_network(number: int) -> Iterator[Countdown]:
    countdown = Countdown(number, lambda: ConnectionResetError(104, "Connection reset by peer"))
    begin = wire.Wire.__init__

    def begin_counted(self: Any, connected: Any, *rest: Any) -> None:
        begin(self, Counted(connected, countdown), *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire.Wire, "__init__", begin_counted)
        yield countdown
