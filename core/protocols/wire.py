"""One connection, on which every operation has a deadline and a limit of bytes.

A socket's own timeout is per read: a server that drips a byte a second beats it for ever (it held a timeout of 2 s for
8 s when tried). Here each read and write gets what is left of the whole operation's time.

Whoever serves many connections in one thread takes the operations that give `Steps`: they never wait themselves, but
yield the wire whenever they would.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Generator, Iterator
from typing import Never, TypeVar, cast

from core.clock import monotonic
from core.errors import ConnectionLost, DeadlineExceeded, ProtocolViolation, TlsFailed, WireError
from core.protocols.certificate import Certificate
from core.protocols.dotted import DottedBlock
from core.protocols.resolve import Address
from core.protocols.tls import NEEDS_CLIENT_CERTIFICATE, TlsFacts, TlsTrust, describe, handshake, look_at_certificate
from core.protocols.tls_stream import TlsStream

_CHUNK = 64 * 1024
_LARGE_CHUNK = 256 * 1024
_LARGEST_READ = 1024 * 1024
_LONGEST_LINE = 64 * 1024
_SHORT = 1.0
_SOMEWHAT_LESS = 0.9
"""Of the time that is left: the next operation, which has as long, finds the timeout short enough already."""


T = TypeVar("T")

Steps = Generator["Wire", None, T]
"""An operation in steps: between two of them one must wait for the wire that was yielded, until its time is over."""

_WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """Reads lines, counted bytes, or up to a mark; after any failure it is `broken` and of no more use."""

    def __init__(self, connected: socket.socket, address: Address, place: str) -> None:
        self.address = address
        """The address that answered."""
        self.place = place
        """`host:port` as configured, for errors."""
        self.tls: TlsFacts | None = None
        """What was agreed, once `secure` is done."""
        self.broken = False
        """Whether it was closed or failed: what server and client have said of late is then out of step."""
        self._plain = connected
        self._socket: socket.socket | TlsStream = connected
        self._buffer = b""
        self._at = 0
        self._phase = ""
        self._ends = 0.0
        self._patience = 0.0
        """The socket's own timeout; 0: it is to be set before the next read or write."""
        self._does_wait = True
        """Whether the socket waits in a read or write."""
        self._budget = 0
        self.awaits = select.POLLIN
        """What whoever yields this wire waits for."""
        self.unsent = 0
        """How many of the last bytes to be sent were not handed to the system, when that failed."""

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

    def wait(self) -> None:
        """Wait in this thread for what a step waits for."""
        waiting = select.poll()
        waiting.register(self._socket, self.awaits)
        waiting.poll(max(0.0, self._ends - monotonic()) * 1000)

    def readline(self, longest: int = _LONGEST_LINE) -> bytes:
        """The next line, with its end."""
        end = self._buffer.find(b"\n", self._at) + 1
        if end == 0 and self._at == len(self._buffer):
            self._buffer, self._at = self._receive(_CHUNK), 0
            end = self._buffer.find(b"\n") + 1
        if end == 0:
            return self._long_line(longest)
        line = self._buffer[self._at : end]
        self._at = end
        return line

    def line_at_hand(self, longest: int = _LONGEST_LINE) -> bytes | None:
        """The next line, with its end, if all of it is here already."""
        start = self._at
        end = self._buffer.find(b"\n", start) + 1
        if end:
            self._at = end
            return self._buffer[start:end]
        if len(self._buffer) - start > longest:
            self.violation(f"The server's answer has no end after {longest} bytes.")
        return None

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
            part = self._receive(min(max(missing, _CHUNK), _LARGEST_READ))
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
            self._buffer = self._buffer[self._at :] + self._receive(_CHUNK)
            self._at = 0
        return self._buffer.startswith(mark, self._at)

    def has_unread(self) -> bool:
        """Whether the server has said more than was read so far."""
        return self._at < len(self._buffer)

    def fileno(self) -> int:
        """For a selector that waits until the server speaks."""
        return self._socket.fileno()

    def lines_at_hand(self, longest: int = _LONGEST_LINE) -> list[bytes]:
        """The whole lines that have come so far, without waiting; half a line stays until the rest comes.

        Afterwards nothing decrypted is left in the TLS layer, where no selector would see it.
        """
        *whole, rest = (self._buffer[self._at :] + self._at_hand()).split(b"\n")
        self._buffer, self._at = rest, 0
        if len(rest) > longest:
            self._endless(longest)
        return [line + b"\n" for line in whole]

    def secure(self, host: str, trust: TlsTrust, seconds: float) -> TlsFacts:
        """Begin TLS and verify the server."""
        if self.has_unread():
            # Whoever sits between could put words into the server's mouth, to be believed once TLS is on.
            self.violation("The server sent data in clear after agreeing to TLS; it was not used.", phase="tls")
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
        """The server broke the rules of its protocol: nothing it says from here on can be understood."""
        self.close()
        raise ProtocolViolation(text, host=self.place, phase=phase or self._phase, reply=reply)

    def _long_line(self, longest: int) -> bytes:
        """A line of which not all has come."""
        gathered = bytearray(self._buffer[self._at :])
        searched = 0
        while (end := gathered.find(b"\n", searched) + 1) == 0:
            if len(gathered) > longest:
                self._endless(longest)
            searched = len(gathered)
            gathered += self._receive(_CHUNK)
        self._buffer, self._at = bytes(gathered[end:]), 0
        return bytes(gathered[:end])

    def _endless(self, longest: int) -> Never:
        self.violation(f"The server's answer has no end after {longest} bytes.")

    def _receive(self, most: int) -> bytes:
        data: bytes | None = None
        while data is None:
            try:
                self._keep_time()
                data = self._socket.recv(most)
            except TimeoutError as error:
                if not self._has_time_left():
                    self.close()
                    self._fail(DeadlineExceeded(self._too_slow("answer"), **self._where()), error)
            except (OSError, ssl.SSLError) as error:
                self.close()
                self._fail(self._broken(error), error)
        return self._counted(data)

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
            data = self._socket.recv(_CHUNK)
        except _WOULD_WAIT:
            self._stay_in_time("answer")
            return None
        except OSError as error:
            self.close()
            self._fail(self._broken(error), error)
        return self._counted(data)

    def _counted(self, data: bytes) -> bytes:
        if not data:
            self.close()
            raise ConnectionLost("The server ended the connection.", **self._where())
        self._spend(len(data))
        return data

    def _stay_in_time(self, doing: str) -> None:
        if monotonic() >= self._ends:
            if doing == "answer":
                self.close()
            self._fail(DeadlineExceeded(self._too_slow(doing), **self._where()), None)

    def _at_hand(self) -> bytes:
        gathered = bytearray()
        try:
            self._set_timeout(0.0)
            while (len(gathered) < _CHUNK or self._hides_more(len(gathered))) and (data := self._socket.recv(_CHUNK)):
                gathered += data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self.close()
            self._fail(ConnectionLost(self._cut(error), **self._where()), error)
        else:
            if not gathered:
                self.close()
                raise ConnectionLost("The server ended the connection.", **self._where())
        self._spend(len(gathered))
        return bytes(gathered)

    def _hides_more(self, count: int) -> bool:
        """Whether TLS holds what no selector would see, unless there is too much of it already."""
        return isinstance(self._socket, TlsStream) and self._socket.has_more() and count <= self._budget

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            self.violation("The server's answer is far larger than it can rightly be.")

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

    def _fail(self, failure: WireError, cause: OSError | None) -> Never:
        self.broken = True
        raise failure from cause

    def _where(self) -> dict[str, str]:
        return {"host": self.place, "phase": self._phase}

    def _too_slow(self, doing: str) -> str:
        return f"The server was too slow to {doing} ({self._phase})."

    def _broken(self, error: OSError) -> WireError:
        if "CERTIFICATE_REQUIRED" in str(error):
            # With TLS 1.3 the client is done before the server asks: the refusal comes with the first answer.
            return TlsFailed(NEEDS_CLIENT_CERTIFICATE, host=self.place, phase="tls")
        return ConnectionLost(self._cut(error), **self._where())

    def _cut(self, error: OSError) -> str:
        if isinstance(error, ssl.SSLEOFError):
            return "The connection was cut without notice."
        return f"The connection broke: {error.strerror or error}"


def waited(steps: Steps[T]) -> T:
    """Take all steps of an operation in this thread, where nothing else is to be done meanwhile."""
    try:
        while True:
            next(steps).wait()
    except StopIteration as end:
        return cast("T", end.value)
