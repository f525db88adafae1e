"""What a scripted server may do at a command."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tui.demo.certificates import ServerCertificate

GREETING = "greeting"
"""The key of what is said when a client connects."""


@dataclass(frozen=True)
class Command:
    """A line that a client sent."""

    connection: int
    """Which connection it came on, from 1."""
    at: float
    """`time.monotonic()` when it was read."""
    tag: str
    """The tag of an IMAP command, else empty."""
    key: str
    """What the script is asked for: `UID FETCH`, `RETR`, `MAIL`."""
    text: str
    """All of the line, without its end (and tag)."""


@dataclass(frozen=True)
class Silence:
    """Say nothing more, until the client goes away or the server stops."""


@dataclass(frozen=True)
class Cut:
    """End the connection: with FIN, or with RST."""

    reset: bool = False


@dataclass(frozen=True)
class Drip:
    """Send byte by byte, so that no single read ever waits long."""

    data: bytes
    pause: float = 0.05


@dataclass(frozen=True)
class Flood:
    """Send a piece again and again."""

    piece: bytes
    times: int


@dataclass(frozen=True)
class Ask:
    """Send a line (or none) and wait for a line of the client, which then stands in `commands`."""

    line: str = ""


@dataclass(frozen=True)
class TakeMessage:
    """Read lines until a lone dot, into `messages`."""


@dataclass(frozen=True)
class StartTls:
    """Be a TLS server from here on."""

    certificate: ServerCertificate


Step = str | bytes | Silence | Cut | Drip | Flood | Ask | TakeMessage | StartTls
"""A `str` is a line: `$tag` is replaced and CRLF added. `bytes` are sent as they are."""
Steps = Iterable[Step]
"""Done one after the other."""
Reply = Steps | Callable[[Command], Steps]
"""What to do at a command; a callable is asked each time."""
