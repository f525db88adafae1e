"""The wire: no operation outlives its deadline or reads more than it may, whatever the server does."""

import threading
from collections.abc import Callable

import pytest

from core.errors import ConnectionLost, DeadlineExceeded, ProtocolViolation
from core.protocols.resolve import connect, resolve
from core.protocols.wire import Wire
from tests.protocols.scripted import Script, ScriptedServer, Talk
from tests.waiting import PATIENCE

SHORT = 0.3


def wire_to(server: ScriptedServer) -> Wire:
    return Wire(*connect(resolve("127.0.0.1", server.port, 5), 5, place="server:1"), "server:1")


def saying(data: bytes) -> Script:
    return lambda talk: (talk.send(data), talk.stay_silent())


def test_lines_bytes_and_blocks_come_apart_as_they_were_sent() -> None:
    with ScriptedServer(saying(b"one\r\ntwo\nabc" + b"x" * 200_000 + b"\r\n.\r\nrest\r\n")) as server:
        wire = wire_to(server)
        wire.begin("test", 5, 1_000_000)
        assert wire.readline() == b"one\r\n"
        assert wire.readline() == b"two\n"
        assert wire.read(3) == b"abc"
        assert wire.starts_with(b"xxx")
        assert not wire.starts_with(b"xy")
        assert wire.read_block(300_000) == b"x" * 200_000 + b"\r\n"
        assert wire.readline() == b"rest\r\n"
        assert not wire.has_unread()
        wire.close()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_counted_bytes_of_any_size_are_read_exactly(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    with ScriptedServer(saying(data[:size] + b"after\r\n")) as server:
        wire = wire_to(server)
        wire.begin("test", 5, 10_000_000)
        assert wire.read(size) == data[:size]
        assert wire.readline() == b"after\r\n"
        wire.close()


@pytest.mark.parametrize("cut", range(1, 6))
def test_the_end_of_a_block_is_found_wherever_the_packets_end(cut: int) -> None:
    step = threading.Event()

    def script(talk: Talk) -> None:
        talk.send(b"body\r\n.\r\n"[:-cut])
        step.wait(PATIENCE)
        talk.send(b"body\r\n.\r\n"[-cut:])
        talk.stay_silent()

    with ScriptedServer(script) as server:
        wire = wire_to(server)
        wire.begin("test", 5, 1000)
        assert wire.starts_with(b"bo")
        step.set()
        assert wire.read_block(100) == b"body\r\n"
        wire.close()


READS: dict[str, Callable[[Wire], object]] = {
    "line": lambda wire: wire.readline(),
    "bytes": lambda wire: wire.read(1000),
    "block": lambda wire: wire.read_block(100_000),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_silent_server_is_left_at_the_deadline(read: Callable[[Wire], object]) -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        wire = wire_to(server)
        wire.begin("fetch", SHORT, 1_000_000)
        with pytest.raises(DeadlineExceeded) as raised:
            read(wire)
        assert (raised.value.phase, raised.value.host) == ("fetch", "server:1")
        assert not raised.value.is_permanent
        assert wire.broken


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_dripping_server_is_left_at_the_deadline(read: Callable[[Wire], object]) -> None:
    pause = threading.Event()
    with ScriptedServer(lambda talk: talk.drip(pause)) as server:
        wire = wire_to(server)
        wire.begin("fetch", SHORT, 1_000_000)
        # Each byte is in time, and they never end: only a deadline for all of it ends the reading.
        with pytest.raises(DeadlineExceeded):
            read(wire)
        pause.set()


def test_a_server_that_does_not_read_is_left_at_the_deadline() -> None:
    done = threading.Event()
    with ScriptedServer(lambda _: done.wait(PATIENCE)) as server:
        wire = wire_to(server)
        wire.begin("dot", SHORT, 1000)
        with pytest.raises(DeadlineExceeded):
            wire.send(b"x" * 50_000_000)
        done.set()
        wire.close()


def test_a_cut_is_a_lost_connection_and_no_short_answer() -> None:
    with ScriptedServer(lambda talk: talk.send(b"half")) as server:
        wire = wire_to(server)
        wire.begin("fetch", 5, 1000)
        with pytest.raises(ConnectionLost):
            wire.read(5)
        assert wire.broken


def test_an_answer_beyond_its_budget_is_a_violation() -> None:
    with ScriptedServer(saying(b"x" * 100_000)) as server:
        wire = wire_to(server)
        wire.begin("fetch", 5, 50_000)
        with pytest.raises(ProtocolViolation, match="far larger"):
            wire.read(100_000)


def test_a_line_without_end_is_a_violation() -> None:
    with ScriptedServer(saying(b"x" * 200_000)) as server:
        wire = wire_to(server)
        wire.begin("fetch", 5, 1_000_000)
        with pytest.raises(ProtocolViolation, match="no end"):
            wire.readline(1000)


def test_closing_from_another_thread_wakes_a_waiting_read() -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        wire = wire_to(server)
        wire.begin("fetch", PATIENCE, 1000)
        waker = threading.Timer(0.1, wire.close)
        waker.start()
        # Not the deadline.
        with pytest.raises(ConnectionLost):
            wire.readline()
        waker.join()
