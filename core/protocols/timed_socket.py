"""A socket on which every operation has a deadline and a limit of bytes, in clear or inside TLS.

A socket's own timeout is per read: a server that drips a byte a second beats it for ever (it held a timeout of 2 s for
8 s when tried). Here each read and write gets what is left of the whole operation's time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Never

from core.clock import monotonic
from core.errors import ConnectionLost, DeadlineExceeded, ProtocolViolation, TlsFailed, WireError
from core.protocols.certificate import Certificate
from core.protocols.resolve import Address
from core.protocols.tls import NEEDS_CLIENT_CERTIFICATE, TlsFacts, TlsTrust, describe, handshake, look_at_certificate
from core.protocols.tls_stream import TlsStream

_SHORT = 1.0
_SOMEWHAT_LESS = 0.9
"""Of the time that is left: the next operation, which has as long, finds the timeout short enough already."""


class TimedSocket:
    """Sends and receives bytes; after any failure it is `broken` and of no more use."""

    def __init__(self, connected: socket.socket, address: Address, place: str) -> None:
        self.address = address
        """The address that answered."""
        self.place = place
        """`host:port` as configured, for errors."""
        self.tls: TlsFacts | None = None
        """What was agreed, once `secure` is done."""
        self.broken = False
        """Whether it was closed or failed: what server and client have said of late is then out of step."""
        self.unsent = 0
        """How many of the last bytes to be sent were not handed to the system, when that failed."""
        self._plain = connected
        self._socket: socket.socket | TlsStream = connected
        self._phase = ""
        self._ends = 0.0
        self._patience = 0.0
        """The socket's own timeout; 0: it is to be set before the next read or write."""
        self._does_wait = True
        """Whether the socket waits in a read or write."""
        self._budget = 0

    def begin(self, phase: str, seconds: float, budget: int) -> None:
        """From here on one operation: it must be over in so many seconds and may read so many bytes."""
        self._phase = phase
        self._ends = monotonic() + seconds
        self._budget = budget

    @property
    def phase(self) -> str:
        """The operation that goes on."""
        return self._phase

    @property
    def ends(self) -> float:
        """When the operation must be over, by the monotonic clock."""
        return self._ends

    def fileno(self) -> int:
        """For a selector that waits until the server speaks."""
        return self._socket.fileno()

    def secure(self, host: str, trust: TlsTrust, seconds: float) -> TlsFacts:
        """Begin TLS and verify the server."""
        self.begin("tls", seconds, 0)
        try:
            self._set_timeout(seconds)
            secured = handshake(self._plain, host, trust, place=self.place)
        except WireError:
            self.close()
            raise
        self._socket, self._patience = secured, 0.0
        self.tls = describe(secured)
        return self.tls

    def look_at_certificate(self, host: str, seconds: float) -> Certificate:
        """What certificate the server shows, without trusting it; ends this connection."""
        self.begin("tls", seconds, 0)
        self._set_timeout(seconds)
        try:
            return look_at_certificate(self._plain, host)
        finally:
            self.close()

    def send(self, data: bytes) -> None:
        """Send all of it, or fail; if it fails, the last byte was not handed to the system, and `unsent` more."""
        view: bytes | memoryview = data
        while view:
            self.unsent = len(view)
            try:
                self._keep_time()
                sent = self._socket.send(view)
            except TimeoutError as error:
                if not self._has_time_left():
                    self._fail(DeadlineExceeded(self._too_slow("take what we send"), **self._where()), error)
            except OSError as error:
                self._fail(ConnectionLost(self._cut(error), **self._where()), error)
            else:
                if sent == len(view):
                    return  # at once, as most is
                view = memoryview(view)[sent:]

    def close(self) -> None:
        """End the connection at once, whatever goes on, also from another thread."""
        self.broken = True
        with contextlib.suppress(OSError):
            # Wakes a thread that waits in a read; closing alone would leave it there.
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()

    @contextlib.contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Leaves nothing open if what is inside fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def violation(self, text: str, *, phase: str = "", reply: str = "") -> Never:
        """The server broke the rules of its protocol: nothing it says from here on can be understood.

        Raises:
            ProtocolViolation: always; the connection is closed.
        """
        self.close()
        raise ProtocolViolation(text, host=self.place, phase=phase or self._phase, reply=reply)

    def _receive(self, most: int) -> bytes:
        """What has come, at most so many bytes, after waiting for the first."""
        data: bytes | None = None
        while data is None:
            try:
                self._keep_time()
                data = self._socket.recv(most)
            except TimeoutError as error:
                if not self._has_time_left():
                    self.close()
                    self._fail(DeadlineExceeded(self._too_slow("answer"), **self._where()), error)
            except OSError as error:
                self._reading_failed(error)
        return self._counted(data)

    def _counted(self, data: bytes) -> bytes:
        """What was read, within what the operation may read."""
        if not data:
            self.close()
            raise ConnectionLost("The server ended the connection.", **self._where())
        self._budget -= len(data)
        if self._budget < 0:
            self.violation("The server's answer is far larger than it can rightly be.")
        return data

    def _keep_time(self) -> None:
        """See to it that the socket gives up no later than the operation has to be over.

        To set its timeout is a system call or two, for each read and write: one that is somewhat too short is left as
        it is, since whoever runs into it looks at the clock and goes on.
        """
        remaining = self._ends - monotonic()
        if remaining <= 0.0:
            raise TimeoutError("deadline")
        if not self._patience <= remaining <= 2 * self._patience:
            self._set_timeout(remaining if remaining < _SHORT else remaining * _SOMEWHAT_LESS)

    def _has_time_left(self) -> bool:
        """Whether the socket gave up before the operation has to be over; it then waits for all that is left."""
        remaining = self._ends - monotonic()
        if remaining > 0.0:
            self._set_timeout(remaining)
        return remaining > 0.0

    def _set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        self._patience = seconds
        self._does_wait = seconds > 0.0

    def _reading_failed(self, error: OSError) -> Never:
        self.close()
        if "CERTIFICATE_REQUIRED" in str(error):
            # With TLS 1.3 the client is done before the server asks: the refusal comes with the first answer.
            raise TlsFailed(NEEDS_CLIENT_CERTIFICATE, host=self.place, phase="tls") from error
        raise ConnectionLost(self._cut(error), **self._where()) from error

    def _fail(self, failure: WireError, cause: OSError | None) -> Never:
        self.broken = True
        raise failure from cause

    def _where(self) -> dict[str, str]:
        return {"host": self.place, "phase": self._phase}

    def _too_slow(self, doing: str) -> str:
        return f"The server was too slow to {doing} ({self._phase})."

    def _cut(self, error: OSError) -> str:
        if isinstance(error, ssl.SSLEOFError):
            return "The connection was cut without notice."
        return f"The connection broke: {error.strerror or error}."
