"""What is said on a run's connection is said in the order in which the run wants it."""

import threading
from collections.abc import Iterator
from typing import cast
from unittest.mock import Mock

import pytest

from core.errors import Misuse, WireError
from core.inbound.server import hanging
from core.inbound.server.connection import Connection
from core.protocols.source import Source


@pytest.fixture
def connection() -> Iterator[Connection]:
    one = Connection(cast(Source, Mock()))
    yield one
    one.end()


def test_what_is_asked_comes_after_what_was_ordered(connection: Connection) -> None:
    goes_on, said = threading.Event(), list[str]()

    def slow() -> None:
        assert goes_on.wait(30)
        said.append("ordered")

    connection.order(slow)
    threading.Timer(0.01, goes_on.set).start()
    connection.ask(said.append, "asked")
    assert said == ["ordered", "asked"]


def test_with_nothing_outstanding_no_thread_is_begun(connection: Connection) -> None:
    assert connection.ask(threading.get_ident) == threading.get_ident()
    connection.order(threading.get_ident).result()
    assert connection.ask(threading.get_ident) == threading.get_ident()


def test_a_fault_is_told_to_whoever_asked(connection: Connection) -> None:
    def fail() -> None:
        raise WireError("lost", phase="fetch")

    with pytest.raises(WireError, match="lost"):
        connection.ask(fail)


def test_a_thread_that_hangs_over_a_message_holds_up_neither_the_runs_end_nor_the_processs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hanging, "LONGEST_AT_END", 0.0)
    one, begun, goes_on = Connection(cast(Source, Mock())), threading.Event(), threading.Event()

    def judge() -> threading.Thread:
        with one.watch:
            begun.set()
            goes_on.wait(30)
        return threading.current_thread()

    judging, never = one.order(judge), one.order(threading.get_ident)
    assert begun.wait(30)
    one.end()
    assert not judging.done()
    assert never.cancelled()
    goes_on.set()
    assert judging.result(30).daemon


def test_what_would_never_be_done_cannot_be_ordered(connection: Connection) -> None:
    connection.pass_on()
    with pytest.raises(Misuse):
        connection.order(threading.get_ident)
