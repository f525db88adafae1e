"""A POP3 client for reading back what a server serves: poplib refuses lines over 2,048 characters, this one does not."""

import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE


class Pop3Reader:
    """One POP3 session in clear that deletes nothing."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._answer()
        self._command(f"USER {user}")
        self._command(f"PASS {password}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._command("QUIT")
        self._stream.close()
        self._socket.close()

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Each message as (UIDL, bytes), the dots that stuff lines taken away (RFC 1939 §3)."""
        self._command("UIDL")
        listing = [line.decode().split() for line in self._lines()]
        for number, uidl in listing:
            self._command(f"RETR {number}")
            yield uidl, b"".join(self._lines())

    def _command(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\r\n")
        self._answer()

    def _answer(self) -> None:
        line = self._stream.readline()
        assert line.startswith(b"+OK"), line

    def _lines(self) -> Iterator[bytes]:
        while (line := self._stream.readline()) != b".\r\n":
            assert line, "the connection ended within an answer"
            yield line[1:] if line.startswith(b".") else line
