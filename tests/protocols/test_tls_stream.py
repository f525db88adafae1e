"""TLS that is read in large pieces: exact whatever the records are, and nothing is left where no selector sees it."""

import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from core.protocols.resolve import Address
from core.protocols.tls import TlsTrust, handshake
from core.protocols.tls_stream import TlsStream
from core.protocols.wire import Wire
from tests.servers.certificates import Certificates

WITHIN = 5.0


@pytest.fixture
def ends(certificates: Certificates) -> Iterator[tuple[TlsStream, ssl.SSLSocket]]:
    """Our end of a connection inside TLS, and Python's own as the server's."""
    with joined(certificates) as (ours, theirs):
        yield ours, theirs


@contextmanager
def joined(certificates: Certificates) -> Iterator[tuple[TlsStream, ssl.SSLSocket]]:
    here, there = socket.socketpair()
    here.settimeout(WITHIN)
    there.settimeout(WITHIN)
    with ThreadPoolExecutor(1) as server, there:
        accepted: Future[ssl.SSLSocket] = server.submit(
            certificates.good.server_context().wrap_socket, there, server_side=True
        )
        ours = handshake(here, "localhost", TlsTrust(ca=str(certificates.good.authority)))
        with accepted.result() as theirs:
            yield ours, theirs
        ours.close()


def sent_by(server: ssl.SSLSocket, *records: bytes) -> threading.Thread:
    thread = threading.Thread(target=lambda: [server.sendall(record) for record in records], daemon=True)
    thread.start()
    return thread


def test_records_of_any_size_are_read_as_they_were_written(ends: tuple[TlsStream, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    records = [os.urandom(size) for size in (1, 4096, 100, 16384, 50_000, 3, 700_000)] * 3
    writing = sent_by(theirs, *records)
    read = bytearray()
    for most in (1, 7, 5000, 1 << 20):
        for _ in range(5):
            read += (part := ours.recv(most))
            assert 0 < len(part) <= most
    while len(read) < sum(map(len, records)):
        read += ours.recv(1 << 20)
    writing.join()
    assert read == b"".join(records)


def test_what_ran_out_of_time_is_sent_once(ends: tuple[TlsStream, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    data = os.urandom(4_000_000)
    is_full = threading.Event()
    heard = bytearray()

    def listen() -> None:
        is_full.wait(WITHIN)
        while len(heard) < len(data):
            heard.extend(theirs.recv(65536))

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    rest = memoryview(data)
    while rest:
        ours.settimeout(WITHIN if is_full.is_set() else 0.05)
        try:
            rest = rest[ours.send(rest) :]
        except TimeoutError:
            is_full.set()
    listening.join(WITHIN)
    assert is_full.is_set()
    assert heard == data


def test_lines_at_hand_leave_nothing_that_a_selector_would_not_see(certificates: Certificates) -> None:
    lines = [b"* %d EXISTS %s\r\n" % (number, b"x" * 80) for number in range(1_000)]
    here, there = socket.socketpair()
    there.settimeout(WITHIN)
    wire = Wire(here, Address(socket.AF_INET, "127.0.0.1", 1), "x:1")
    with ThreadPoolExecutor(1) as server, there:
        accepted = server.submit(certificates.good.server_context().wrap_socket, there, server_side=True)
        wire.secure("localhost", TlsTrust(ca=str(certificates.good.authority)), WITHIN)
        with accepted.result() as theirs:
            theirs.sendall(b"".join(lines))  # all of it lies in the system's hands now
            wire.begin("idle", WITHIN, 10_000_000)
            heard: list[bytes] = []
            while len(heard) < len(lines):
                readable, _, _ = select.select([wire], [], [], WITHIN)
                assert readable, "what had come was not given on"
                heard += wire.lines_at_hand()
        wire.close()
    assert heard == lines


def test_what_came_before_a_broken_record_holds(ends: tuple[TlsStream, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"* BYE\r\n")
    os.write(theirs.fileno(), b"no record at all")
    assert ours.recv(100) == b"* BYE\r\n"
    with pytest.raises(ssl.SSLError):
        ours.recv(100)


def test_the_end_is_an_end_whether_it_is_told_or_not(certificates: Certificates) -> None:
    with joined(certificates) as (ours, theirs):
        theirs.sendall(b"last")
        theirs.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            theirs.unwrap()  # tells it, and would wait for our farewell
        assert [ours.recv(100), ours.recv(100), ours.recv(100)] == [b"last", b"", b""]
    with joined(certificates) as (ours, theirs):
        theirs.sendall(b"last")
        theirs.shutdown(socket.SHUT_WR)
        assert [ours.recv(100), ours.recv(100)] == [b"last", b""]
