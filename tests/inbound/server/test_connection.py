"""What is said on a run's connection is said in the order in which the run wants it."""

import threading
from collections.abc import Iterator
from typing import cast
from unittest.mock import Mock

import pytest

from core.errors import WireError
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
