"""One connection as its protocol reads it: lines, counted bytes, blocks, all within its deadline and limit of bytes."""

from __future__ import annotations

import select
import socket
from typing import Never

from core.protocols.dotted import DottedBlock
from core.protocols.resolve import Address
from core.protocols.steps import CHUNK, SteppedSocket, Steps
from core.protocols.tls import TlsFacts, TlsTrust

_LARGE_CHUNK = 256 * 1024
_LARGEST_READ = 1024 * 1024
_LONGEST_LINE = 64 * 1024


class Wire(SteppedSocket):
    """Keeps what has come until it is read.

    What keeps the time is its base and not a part of it: all mail goes through here, and each read would be two calls.
    """

    def __init__(self, connected: socket.socket, address: Address, place: str) -> None:
        super().__init__(connected, address, place)
        self._buffer = b""
        self._at = 0
        """Up to where it is read."""

    def secure(self, host: str, trust: TlsTrust, seconds: float) -> TlsFacts:
        """Begin TLS and verify the server."""
        if self.has_unread():
            # Whoever sits between could put words into the server's mouth, to be believed once TLS is on.
            self.violation("The server sent data in clear after agreeing to TLS; it was not used.", phase="tls")
        return super().secure(host, trust, seconds)

    def readline(self, longest: int = _LONGEST_LINE) -> bytes:
        """The next line, with its end."""
        end = self._buffer.find(b"\n", self._at) + 1
        if end == 0 and self._at == len(self._buffer):
            self._buffer, self._at = self._receive(CHUNK), 0
            end = self._buffer.find(b"\n") + 1
        if end == 0:
            return self._long_line(longest)
        line = self._buffer[self._at : end]
        self._at = end
        return line

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        end = self._at + count
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        parts = [self._buffer[self._at :]]
        missing = end - len(self._buffer)
        self._buffer, self._at = b"", 0
        while missing > 0:
            # Reading beyond what is missing saves a system call for the next line.
            part = self._receive(min(max(missing, CHUNK), _LARGEST_READ))
            if len(part) > missing:
                self._buffer, self._at = part, missing
                part = part[:missing]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def read_block(self, longest: int) -> bytes:
        """The lines up to one of a single dot, unstuffed (RFC 1939 §3); more than `longest` of them is a violation."""
        block = DottedBlock()
        while (end := block.take(self._buffer, self._at)) < 0:
            if block.size > longest:
                self._endless(longest)
            self._buffer, self._at = block.rest + self._receive(_LARGE_CHUNK), 0
        self._at = end
        return block.content()

    def starts_with(self, mark: bytes) -> bool:
        """Whether the next bytes are these; they stay unread."""
        while len(self._buffer) - self._at < len(mark):
            if not mark.startswith(self._buffer[self._at :]):
                return False
            self._buffer = self._buffer[self._at :] + self._receive(CHUNK)
            self._at = 0
        return self._buffer.startswith(mark, self._at)

    def has_unread(self) -> bool:
        """Whether the server has said more than was read so far."""
        return self._at < len(self._buffer)

    def receiving(self) -> Steps[None]:
        """Have more to read than there was, in steps."""
        self._stay_in_time("answer")
        # Of what came in clear nothing is here unread; a TLS layer may hold something that no poll tells of.
        data = None if self.tls is None else self._received_at_once()
        while data is None:
            self.awaits = select.POLLIN
            yield self
            data = self._received_at_once()
        self._buffer = self._buffer[self._at :] + data
        self._at = 0

    def line_at_hand(self, longest: int = _LONGEST_LINE) -> bytes | None:
        """The next line, with its end, if all of it is here already."""
        start = self._at
        end = self._buffer.find(b"\n", start) + 1
        if end:
            self._at = end
            return self._buffer[start:end]
        if len(self._buffer) - start > longest:
            self._endless(longest)
        return None

    def lines_at_hand(self) -> list[bytes]:
        """The whole lines that have come so far, without waiting; half a line stays until the rest comes.

        Afterwards nothing decrypted is left in the TLS layer, where no selector would see it.
        """
        *whole, rest = (self._buffer[self._at :] + self._all_at_hand()).split(b"\n")
        self._buffer, self._at = rest, 0
        if len(rest) > _LONGEST_LINE:
            self._endless(_LONGEST_LINE)
        return [line + b"\n" for line in whole]

    def _long_line(self, longest: int) -> bytes:
        """A line of which not all has come."""
        gathered = bytearray(self._buffer[self._at :])
        searched = 0
        while (end := gathered.find(b"\n", searched) + 1) == 0:
            if len(gathered) > longest:
                self._endless(longest)
            searched = len(gathered)
            gathered += self._receive(CHUNK)
        self._buffer, self._at = bytes(gathered[end:]), 0
        return bytes(gathered[:end])

    def _endless(self, longest: int) -> Never:
        self.violation(f"The server's answer has no end after {longest} bytes.")
