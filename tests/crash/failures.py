"""Failures at the n-th step: a statement to the database, a call to the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
