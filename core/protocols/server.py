"""What a connection is opened with: where, how secured, as whom, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.protocols.tls import Security, TlsTrust
from core.secret import Secret


@dataclass(frozen=True)
class Server:
    """A mail server as configured."""

    host: str
    """Its name or address; the name must stand in its certificate."""
    port: int
    """The TCP port."""
    security: Security = Security.TLS
    """How the connection is protected. What is asked for is required, never merely tried."""
    trust: TlsTrust = field(default_factory=TlsTrust)
    """What makes its certificate acceptable."""

    @property
    def place(self) -> str:
        """`host:port`, as errors name it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Login:
    """As whom to sign in: with a password, or with an access token when `token` is given."""

    username: str
    """The user name as the server knows it."""
    password: Secret = field(default_factory=Secret)
    """Unused when there is a `token`."""
    token: Callable[[], str] | None = None
    """Gives the access token of the moment (OAuth 2)."""

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, should a server repeat it."""
        return (self.password.reveal(),) if self.password else ()


@dataclass(frozen=True)
class Timeouts:
    """How long whole operations may take, in seconds."""

    connect: float = 20.0
    """From the name to an open connection; the TLS handshake has as long again."""
    login: float = 30.0
    """Greeting, capabilities and signing in, each."""
    command: float = 60.0
    """Any other command."""
    ahead: float = 10.0
    """Waiting for the first reply to an envelope that went ahead with the message before it."""
    settle: float = 300.0
    """Waiting for the reply to the final dot of a message (RFC 5321 §4.5.3.2.6 allows ten minutes)."""
    slowest: float = 4096.0
    """Bytes a second below which a transfer is given up: `command` is prolonged by the bytes expected at this rate."""

    def transfer(self, expected: int) -> float:
        """How long a command may take that moves this many bytes."""
        return self.command + expected / self.slowest


@dataclass(frozen=True)
class Caps:
    """How much a server may make us read."""

    message: int = 256 * 1024 * 1024
    """Bytes of one message; a larger announcement ends the connection."""
    listing: int = 96 * 1024 * 1024
    """Bytes of a list of all messages (a million UIDLs of 70 characters need 80 MB)."""
    command: int = 4 * 1024 * 1024
    """Bytes of the answer to any other command."""

    def expected(self, announced: int) -> int:
        """What a message announced with this size may really have: servers are often wrong, seldom by half."""
        return min(self.message, 2 * announced + 1024 * 1024)
