"""Operations in steps, for whoever serves many connections in one thread: none of them waits itself.

Whenever one would, it yields its socket: go on once that has what it `awaits`, or when its time is over.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Generator
from typing import TypeVar, cast

from core.clock import monotonic
from core.errors import ConnectionLost, DeadlineExceeded
from core.protocols.resolve import Address
from core.protocols.timed_socket import TimedSocket
from core.protocols.tls_stream import TlsStream

T = TypeVar("T")

Steps = Generator["SteppedSocket", None, T]
"""An operation in steps: between two of them one must wait for the socket that was yielded, until its time is over."""

CHUNK = 64 * 1024
"""Bytes asked for at once, where it is not known how many will come."""

_WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SteppedSocket(TimedSocket):
    """A socket that sends in steps, and gives what has come without waiting for more."""

    def __init__(self, connected: socket.socket, address: Address, place: str) -> None:
        super().__init__(connected, address, place)
        self.awaits = select.POLLIN
        """What whoever yields this socket waits for."""

    def wait(self) -> None:
        """Wait in this thread for what a step waits for."""
        waiting = select.poll()
        waiting.register(self._socket, self.awaits)
        waiting.poll(max(0.0, self._ends - monotonic()) * 1000)

    def sending(self, data: bytes) -> Steps[None]:
        """Send all of it, in steps; if it fails, it is as with `send`."""
        view: bytes | memoryview = data
        while view:
            self.unsent = len(view)
            sent = self._sent_at_once(view)
            if sent == len(view):
                return  # as most is
            view = memoryview(view)[sent:]
            if not sent:
                self._stay_in_time("take what we send")
                self.awaits = select.POLLOUT
                yield self

    def _sent_at_once(self, view: bytes | memoryview) -> int:
        """How much of it was taken without waiting."""
        if self._does_wait:
            self._set_timeout(0.0)
        try:
            return self._socket.send(view)
        except _WOULD_WAIT:
            return 0
        except OSError as error:
            self._fail(ConnectionLost(self._cut(error), **self._where()), error)

    def _received_at_once(self) -> bytes | None:
        """What has come; `None`: nothing yet, and there is time left."""
        if self._does_wait:
            self._set_timeout(0.0)
        try:
            data = self._socket.recv(CHUNK)
        except _WOULD_WAIT:
            self._stay_in_time("answer")
            return None
        except OSError as error:
            self._reading_failed(error)
        return self._counted(data)

    def _all_at_hand(self) -> bytes:
        """All that has come, perhaps nothing; afterwards TLS holds none of it back."""
        gathered = bytearray()
        try:
            self._set_timeout(0.0)
            while (len(gathered) < CHUNK or self._hides_more(len(gathered))) and (data := self._socket.recv(CHUNK)):
                gathered += data
        except _WOULD_WAIT:
            if not gathered:
                return b""
        except OSError as error:
            self._reading_failed(error)
        return self._counted(bytes(gathered))

    def _hides_more(self, count: int) -> bool:
        """Whether TLS holds what no selector would see, unless there is too much of it already."""
        return isinstance(self._socket, TlsStream) and self._socket.has_more() and count <= self._budget

    def _stay_in_time(self, doing: str) -> None:
        if monotonic() >= self._ends:
            if doing == "answer":
                self.close()
            self._fail(DeadlineExceeded(self._too_slow(doing), **self._where()), None)


def waited(steps: Steps[T]) -> T:
    """Take all steps of an operation in this thread, where nothing else is to be done meanwhile."""
    try:
        while True:
            next(steps).wait()
    except StopIteration as end:
        return cast("T", end.value)
