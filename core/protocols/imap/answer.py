"""What an IMAP server answers to a command (RFC 3501 §7), and within which limits it has to stay."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import WireError

Part = bytes | tuple[bytes, bytes]
"""Text, or text that ends in `{n}` with its literal: what imapclient's parser takes."""
Response = list[Part]

LINE = 64 * 1024
"""How long a line may be, where no longer ones are asked for."""


@dataclass(frozen=True)
class Limits:
    """How much a server may make us wait and read."""

    seconds: float
    """How long an answer may take, from when it is waited for."""
    budget: int
    """How many bytes it may have."""
    literal: int = 64 * 1024
    """How many of them a literal may have."""
    line: int = LINE
    """The same of a line."""


@dataclass
class Answer:
    """What came between a command and its OK."""

    untagged: list[Response] = field(default_factory=list)
    """Untagged responses without the `* `."""
    text: bytes = b""
    """What stood behind the OK."""

    def lines(self, suffix: bytes = b"", prefix: bytes = b"") -> list[bytes]:
        """The responses without literals that begin or end like this, upper and lower case alike."""
        plain = [parts[0] for parts in self.untagged if isinstance(parts[0], bytes)]
        return [line for line in plain if _begins(line, prefix) and _ends(line, suffix)]


@dataclass
class Asked:
    """A command that was sent, and what has come of its answer."""

    tag: bytes
    phase: str
    limits: Limits
    answer: Answer = field(default_factory=Answer)
    is_complete: bool = False
    refused: WireError | None = None

    def given(self) -> Answer:
        """The answer; what the server said against the command is raised."""
        if self.refused is not None:
            raise self.refused
        return self.answer


def _begins(line: bytes, prefix: bytes) -> bool:
    return line[: len(prefix)].upper() == prefix


def _ends(line: bytes, suffix: bytes) -> bool:
    return not suffix or line[-len(suffix) :].upper() == suffix
