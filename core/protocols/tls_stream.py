"""TLS over an open connection, with what a wire needs of a socket, and made for reading much.

Python's own TLS socket asks the system twice for each record and gives back one at a time. Servers make records of
4 kB, and six of them a message cost more than all else in reading it. Here what has come is taken from the system at
once, and all records in it are decrypted together; and whoever reads faster than the server writes lets some gather.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import cast

from core.clock import Deadline

_RECORD = 16 * 1024
"""The most plain text in a record (RFC 8446 §5.1)."""

_AT_ONCE = 64 * 1024
"""Bytes asked of the system at once; each connection keeps room for as many, and a thousand may be idle."""

_SHORT = 2048
"""Bytes of what is no part of a long answer."""
_OFTEN = 3
_MOMENT = 0.0003
"""Seconds in which a server on the same machine sends some ten records."""


class _Own(threading.local):
    """Room that each thread uses again and again; connections that only wait need none."""

    def __init__(self) -> None:
        self.encrypted, self.decrypted = bytearray(_AT_ONCE), bytearray(_AT_ONCE)


_own = _Own()


class TlsStream:
    """A connection inside TLS. It waits as long as its socket does; what ran out of time may be called again."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        # With a place to put it into, it gives back how much it put there; the types do not know that.
        self._read = cast("Callable[[int, memoryview], int]", self._tls.read)
        self._encrypted = memoryview(b"")
        """What is still to be given to the system."""
        self._promised = 0
        """How many bytes of plain text are in that."""
        self._last = self._in_a_row = 0
        """Bytes that came last, and how many times in a row it was more than a short answer."""
        self._has_ended = False
        self._failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Agree on how to encrypt and verify the server, all of it within the socket's timeout."""
        deadline = Deadline(self._plain.gettimeout() or 0.0)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._wait_at_most(deadline)
                self._flush()
                self._wait_at_most(deadline)
                if not self._fill():
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # the alert that tells the server why
                raise
            else:
                self._flush()
                return

    def recv(self, most: int) -> bytes:
        """What has come, at most so many bytes, after waiting for the first; nothing when the server has ended."""
        while not (data := self._decrypted(most)):
            if self._has_ended:
                break
            self._flush()  # to a new key or a renegotiation, the answer goes first
            if not self._fill():
                break
        return data

    def has_more(self) -> bool:
        """Whether bytes have been taken from the system that were not yet given on."""
        return self._incoming.pending > 0 or self._tls.pending() > 0

    def send(self, data: bytes | memoryview) -> int:
        """Send one record; gives back how much of the data was in it.

        After it ran out of time the same data is to be sent again, as it is encrypted already.
        """
        if not self._promised:
            self._promised = self._tls.write(data[:_RECORD])
        self._flush()
        sent, self._promised = self._promised, 0
        return sent

    def settimeout(self, seconds: float) -> None:
        """How long to wait for the system; 0: not at all."""
        self._plain.settimeout(seconds)

    def fileno(self) -> int:
        """For a selector; it knows nothing of what `has_more`."""
        return self._plain.fileno()

    def shutdown(self, how: int) -> None:
        """End it at once, without the farewell of TLS; may be called from another thread."""
        self._plain.shutdown(how)

    def close(self) -> None:
        """Let go of the connection."""
        self._plain.close()

    def version(self) -> str:
        """`TLSv1.3`."""
        return self._tls.version() or ""

    def cipher(self) -> str:
        """`TLS_AES_256_GCM_SHA384`."""
        agreed = self._tls.cipher()
        return agreed[0] if agreed else ""

    def certificate(self) -> bytes:
        """The server's, as DER; empty if it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def _decrypted(self, most: int) -> bytes:
        """What is in the records that are here, at most so many bytes; nothing if none is here whole."""
        if self._failure is not None:
            raise self._failure
        room = memoryview(_own.decrypted)[:most]
        at = 0
        try:
            while at < len(room) and not self._has_ended:
                count = self._read(_RECORD, room[at:])
                self._has_ended = count == 0
                at += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            if not at:
                raise
            self._failure = error  # what came before it holds
        return bytes(room[:at])

    def _fill(self) -> bool:
        """Wait for more from the server; whether there was any."""
        if self._in_a_row >= _OFTEN and self._last < _AT_ONCE // 2 and self._plain.gettimeout():
            # A long answer comes record by record: to be woken for each costs both sides more than to wait a moment.
            time.sleep(_MOMENT)
        count = self._plain.recv_into(_own.encrypted)
        self._last = count
        self._in_a_row = self._in_a_row + 1 if count > _SHORT else 0
        self._incoming.write(memoryview(_own.encrypted)[:count])
        return count > 0

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._encrypted = memoryview(bytes(self._encrypted) + self._outgoing.read())
        while self._encrypted:
            self._encrypted = self._encrypted[self._plain.send(self._encrypted) :]

    def _wait_at_most(self, deadline: Deadline) -> None:
        if deadline.is_over():
            raise TimeoutError("deadline")
        self._plain.settimeout(deadline.remaining())
