"""From a name to a connection: each way to fail has a sentence of its own."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.errors import Unreachable
from core.protocols import resolve as module
from core.protocols.resolve import Address, connect, resolve
from tests.protocols.scripted import ScriptedServer, Talk
from tests.waiting import PATIENCE
from tui.demo.ports import free_port


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "There is no host named"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "could not answer"),
        (socket.gaierror(socket.EAI_FAIL, "broken"), "could not be resolved: broken"),
        (UnicodeError("label too long"), "There is no host named"),
    ],
)
def test_a_name_that_does_not_resolve_says_why(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, sentence: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(module.socket, "getaddrinfo", fail)
    with pytest.raises(Unreachable, match=sentence) as raised:
        resolve("mail.invalid", 993, 5)
    assert raised.value.phase == "resolve"
    assert not raised.value.is_permanent


def test_a_name_server_that_never_answers_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_, **__: end.wait(PATIENCE) and [])
    with pytest.raises(Unreachable, match="did not answer"):
        resolve("mail.invalid", 993, 0.2)
    end.set()


@pytest.mark.parametrize("port", [0, -1, 65_536, 99_999_999])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Unreachable, match="is not a port"):
        resolve("127.0.0.1", port, 5)


def test_an_address_needs_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    assert [str(address) for address in resolve("::1", 993, 5)] == ["[::1]:993"]


def test_a_closed_port_is_told_as_refused() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match="refused") as raised:
        connect(resolve("127.0.0.1", port, PATIENCE), PATIENCE, place="x:1")
    assert raised.value.phase == "connect"


def test_addresses_are_tried_in_order_until_one_answers() -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        dead = Address(socket.AF_INET, "127.0.0.2", server.port)
        alive = Address(socket.AF_INET, "127.0.0.1", server.port)
        opened, address = connect((dead, alive), 5, place="x:1")
        assert address == alive
        opened.close()


@contextmanager
def swallowing(ip: str, port: int = 0) -> Iterator[Address]:
    """An address that answers nothing: whoever calls there waits in a queue that is full."""
    with socket.create_server((ip, port), backlog=0) as server, contextlib.ExitStack() as waiting:
        place = server.getsockname()
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(place)
        yield Address(socket.AF_INET, ip, place[1])


def test_the_next_address_is_tried_while_one_swallows_packets() -> None:
    with ScriptedServer(Talk.stay_silent) as server, swallowing("127.0.0.2", server.port) as silent:
        alive = Address(socket.AF_INET, "127.0.0.1", server.port)
        opened, address = connect((silent, alive), 3600, place="x:1")
        assert address == alive
        opened.close()


def test_the_first_address_may_answer_while_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEXT_AFTER", 0.0)
    with ScriptedServer(Talk.stay_silent) as server, swallowing("127.0.0.2") as silent:
        alive = Address(socket.AF_INET, "127.0.0.1", server.port)
        opened, address = connect((alive, silent), PATIENCE, place="x:1")
        assert address == alive
        opened.close()


def test_addresses_that_swallow_packets_are_left_at_the_deadline() -> None:
    with (
        swallowing("127.0.0.2") as first,
        swallowing("127.0.0.3") as second,
        pytest.raises(Unreachable, match=f"Nothing answers at {first}, {second}"),
    ):
        connect((first, second), 0.2, place="x:1")


def test_of_refused_and_silent_addresses_none_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    usual = socket.socket

    def noting(*arguments: Any, **named: Any) -> socket.socket:
        made.append(usual(*arguments, **named))
        return made[-1]

    with swallowing("127.0.0.2") as silent:
        refused = Address(socket.AF_INET, "127.0.0.1", free_port())
        monkeypatch.setattr(module.socket, "socket", noting)
        with pytest.raises(Unreachable, match="Nothing answers"):
            connect((refused, silent, refused), 0.2, place="x:1")
        monkeypatch.undo()
    assert [one.fileno() for one in made] == [-1] * 3
