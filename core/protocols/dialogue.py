"""What the dialogues of IMAP, POP3 and SMTP have in common until somebody is logged in."""

from __future__ import annotations

from collections.abc import Container
from typing import Never

from core.errors import ConnectionLost, NotOffered, TlsMissing
from core.protocols import sasl
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

    def _by_token(self, username: str, token: str, offered: Container[str]) -> tuple[str, bytes]:
        """The mechanism that takes an access token, of those that are offered, and its one message."""
        self._secrets = (token,)
        if self._transcript is not None:
            self._transcript.hide(token)
        mechanism = next((name for name in sasl.TOKEN_MECHANISMS if name in offered), None)
        if mechanism is None:
            raise NotOffered("The server takes no access tokens (OAuth 2).", host=self.wire.place, phase="login")
        host, _, port = self.wire.place.rpartition(":")
        return mechanism, sasl.by_token(mechanism, username, token, host, int(port))
