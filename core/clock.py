"""The one place where time is read; everything else is given it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utcnow() -> datetime:
    """The time now, in UTC and aware of it."""
    return datetime.now(UTC)


monotonic = time.monotonic
"""Seconds that never jump, for deadlines and durations within this process."""


def elapsed_ms(since: float) -> float:
    """Milliseconds since a `monotonic()` reading, to a tenth."""
    # Rounding by `round` to a place takes ten times as long.
    return int((time.monotonic() - since) * 10_000 + 0.5) / 10


class Deadline:
    """A point in this process's time by which a whole operation must be over.

    A socket timeout is per read: a server that drips one byte a second beats it for ever. A deadline does not move.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left; never negative."""
        remaining = self._ends - monotonic()
        return remaining if remaining > 0.0 else 0.0

    def is_over(self) -> bool:
        """Whether the time has run out."""
        return self.remaining() <= 0
