"""The limits that every program runs into: the wire, and the wire with a durable database behind it.

python -m benchmarks.peers.limits bare|stored imap|pop3 HOST PORT USER[,USER…] PASSWORD EACH FOLDER AT-ONCE [AUTHORITY]
"""

from __future__ import annotations

import hashlib
import io
import queue
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from benchmarks.peers.peer import Command, Peer, Source
from benchmarks.peers.running import to_the_end

BATCH = 50
"""Messages a commit, and a FETCH command."""

PIPELINED = 100
"""RETR commands on their way at once (RFC 2449 §6.6)."""


def bare_reader(at_once: int = 1) -> Peer:
    """A socket that throws the bytes away; several share many users."""
    return Peer(_name("bytes read, thrown away", at_once), to_the_end(partial(_commands, "bare", at_once)))


def reader_and_store(at_once: int = 1) -> Peer:
    """Messages cut from the stream, their bytes and hash put into SQLite, a durable commit each 50; nothing else."""
    return Peer(
        _name("read, hashed, committed", at_once), to_the_end(partial(_commands, "stored", at_once)), _in_database
    )


def _name(what: str, at_once: int) -> str:
    return f"limit: {what}" if at_once == 1 else f"limit: {what}, {at_once} at once"


def _commands(what: str, at_once: int, source: Source, place: Path) -> Sequence[Command]:
    each = source.messages // len(source.users)
    words = [sys.executable, "-m", "benchmarks.peers.limits", what, source.protocol, source.host, str(source.port)]
    words += [",".join(source.users), source.password, str(each), str(place), str(at_once)]
    return [Command([*words, str(source.authority)] if source.is_tls else words)]


def main(words: Sequence[str]) -> None:
    what, protocol, host, port, users, password, each, folder, at_once, *authority = words
    dialogue = _imap if protocol == "imap" else _pop3

    def bodies(user: str) -> Iterator[bytes]:
        with _connected(host, int(port), *authority) as connection:
            yield from dialogue(connection, user, password, int(each), is_cut=what == "stored")

    def read(keep: Callable[[list[bytes]], object]) -> None:
        with ThreadPoolExecutor(int(at_once)) as pool:
            list(pool.map(lambda user: _in_batches(bodies(user), keep), users.split(",")))

    if what == "stored":
        _store(Path(folder), read)
    else:
        read(len)


def _connected(host: str, port: int, authority: str = "") -> socket.socket:
    connection = socket.create_connection((host, port))
    if not authority:
        return connection
    return ssl.create_default_context(cafile=authority).wrap_socket(connection, server_hostname=host)


def _imap(connection: socket.socket, user: str, password: str, messages: int, *, is_cut: bool) -> Iterator[bytes]:
    reader = _reader(connection)
    _answered(connection, reader, f"a LOGIN {user} {password}")
    _answered(connection, reader, "b EXAMINE INBOX")
    ranges = [(first, min(first + BATCH - 1, messages)) for first in range(1, messages + 1, BATCH)] if is_cut else []
    for first, last in ranges or [(1, messages)]:
        connection.sendall(b"c FETCH %d:%d (BODY.PEEK[])\r\n" % (first, last))
        if is_cut:
            yield from _literals(reader)
        else:
            while not reader.readline().startswith(b"c OK"):
                pass


def _literals(reader: IO[bytes]) -> Iterator[bytes]:
    while not (line := reader.readline()).startswith(b"c OK"):
        if line.endswith(b"}\r\n"):
            yield reader.read(int(line[line.rindex(b"{") + 1 : -3]))


def _pop3(connection: socket.socket, user: str, password: str, messages: int, *, is_cut: bool) -> Iterator[bytes]:
    reader = _reader(connection)
    reader.readline()
    for command in (f"USER {user}", f"PASS {password}"):
        connection.sendall(f"{command}\r\n".encode())
        reader.readline()
    asked = 0
    for number in range(1, messages + 1):
        if asked < number:
            wanted = range(asked + 1, min(asked + PIPELINED, messages) + 1)
            connection.sendall(b"".join(b"RETR %d\r\n" % one for one in wanted))
            asked = wanted[-1]
        reader.readline()
        lines = []
        while (line := reader.readline()) != b".\r\n":
            if is_cut:
                lines.append(line[1:] if line[:1] == b"." else line)
        if is_cut:
            yield b"".join(lines)


def _reader(connection: socket.socket) -> IO[bytes]:
    return io.BufferedReader(connection.makefile("rb", buffering=0), 1 << 18)


def _answered(connection: socket.socket, reader: IO[bytes], command: str) -> None:
    connection.sendall(f"{command}\r\n".encode())
    while not reader.readline().startswith(f"{command[0]} OK".encode()):
        pass


def _in_batches(bodies: Iterator[bytes], keep: Callable[[list[bytes]], object]) -> None:
    while batch := list(islice(bodies, BATCH)):
        keep(batch)


def _store(folder: Path, read: Callable[[Callable[[list[bytes]], object]], None]) -> None:
    batches: queue.Queue[list[bytes] | None] = queue.Queue(2)
    writer = threading.Thread(target=_write, args=(folder, batches))
    writer.start()
    read(batches.put)
    batches.put(None)
    writer.join()


def _write(folder: Path, batches: queue.Queue[list[bytes] | None]) -> None:
    from core.db.engine import sqlite_module

    connection = sqlite_module().connect(folder / "limit.db", isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, sha256 BLOB, raw BLOB)")
    while (batch := batches.get()) is not None:
        connection.execute("BEGIN")
        rows = ((hashlib.sha256(raw).digest(), raw) for raw in batch)
        connection.executemany("INSERT INTO message (sha256, raw) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    connection.close()


def _in_database(place: Path) -> int:
    import sqlite3

    with sqlite3.connect(place / "limit.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM message").fetchone()
        return int(count)


if __name__ == "__main__":
    main(sys.argv[1:])
