"""What the dialogues of IMAP, POP3 and SMTP have in common until somebody is logged in."""

from __future__ import annotations

from typing import Never

from core.errors import ConnectionLost, TlsMissing
from core.protocols.server import Timeouts
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire


class Dialogue:
    """A wire, how long to wait on it, and what must not be shown of what is said."""

    def __init__(self, wire: Wire, timeouts: Timeouts, transcript: Transcript | None) -> None:
        self.wire = wire
        self.timeouts = timeouts
        self.greeting = ""
        """The server's first words, cleaned."""
        self._transcript = transcript
        self._secrets: tuple[str, ...] = ()
        """What a server may repeat in its words."""

    def begin(self, phase: str, seconds: float, budget: int) -> None:
        """From here on one operation, unless the connection is closed.

        Raises:
            ConnectionLost: it is.
        """
        if self.wire.broken:
            raise ConnectionLost("The connection is closed.", host=self.wire.place, phase=phase)
        self.wire.begin(phase, seconds, budget)

    def _refuse_clear(self, command: str, port: int) -> Never:
        """The server does not offer the command that begins TLS."""
        self.wire.close()
        raise TlsMissing(
            f"The server does not offer {command}; nothing was sent. Use TLS from the first byte (port {port}).",
            host=self.wire.place,
            phase="tls",
        )
