"""From a name to a connection: each way to fail has a sentence of its own."""

import socket
import threading

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


def test_an_address_that_swallows_packets_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def swallow(address: Address, seconds: float) -> socket.socket:
        given.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(module, "_open", swallow)
    addresses = [Address(socket.AF_INET, f"10.0.0.{last}", 993) for last in (1, 2)]
    with pytest.raises(Unreachable, match=r"Nothing answers at 10\.0\.0\.1:993, 10\.0\.0\.2:993"):
        connect(addresses, 8, place="x:1")
    assert 2 < given[0] <= 4  # half of all the time there is
