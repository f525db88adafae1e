"""The dialogue with a server as a person may read it: without secrets, without the messages themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.clock import utcnow
from core.protocols.sasl import scrubbed
from core.secret import MASK
from core.text import bounded, clean

_LONGEST = 400
_CHALLENGE = re.compile(rb"(\+|334)(?= |\r|$)")
"""As IMAP, POP3 and SMTP begin one."""


class Direction(StrEnum):
    """Who spoke."""

    SENT = "sent"
    """We did."""
    RECEIVED = "received"
    """The server did."""


@dataclass(frozen=True)
class Spoken:
    """One line of the dialogue."""

    direction: Direction
    text: str
    at: datetime


class Transcript:
    """Hands each line of a dialogue to a listener. Where there is no transcript, nothing is formatted at all."""

    def __init__(self, listener: Callable[[Spoken], None]) -> None:
        self._listener = listener
        self._secrets: tuple[str, ...] = ()
        self._shows_challenges = True

    def hide(self, *secrets: str) -> None:
        """Mask these from now on, wherever they turn up."""
        self._secrets += secrets

    def sent(self, line: bytes) -> None:
        """A command of ours."""
        self._tell(Direction.SENT, line)

    def sent_secret(self, shown: str) -> None:
        """A line of ours that holds a secret: only `shown` is told, the rest is masked."""
        self._listener(Spoken(Direction.SENT, f"{shown} {MASK}".lstrip(), utcnow()))

    def sent_bytes(self, count: int) -> None:
        """A message of ours."""
        self._listener(Spoken(Direction.SENT, f"{{{count} bytes}}", utcnow()))

    def received(self, line: bytes) -> None:
        """A line of the server's."""
        if not self._shows_challenges and (challenge := _CHALLENGE.match(line)):
            line = challenge[1] + b" " + MASK.encode()
        self._tell(Direction.RECEIVED, line)

    @contextmanager
    def without_challenges(self) -> Iterator[None]:
        """Meanwhile the challenges of a login are masked."""
        self._shows_challenges = False
        try:
            yield
        finally:
            self._shows_challenges = True

    def received_bytes(self, count: int) -> None:
        """A literal or a multi-line answer of the server's."""
        self._listener(Spoken(Direction.RECEIVED, f"{{{count} bytes}}", utcnow()))

    def retold(self, spoken: Spoken) -> None:
        """A line that another process met, masked there already."""
        self._listener(spoken)

    def _tell(self, direction: Direction, line: bytes) -> None:
        text = scrubbed(line.rstrip(b"\r\n").decode(errors="replace"), self._secrets)
        self._listener(Spoken(direction, bounded(clean(text), _LONGEST), utcnow()))
