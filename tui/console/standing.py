"""How things stand, in a few numbers: what the header shows on every screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Counts over all processes."""

    workers: int = 0
    fetching: int = 0
    outbox: int = 0
    quarantine: int = 0
    alerts: int = 0
    is_known: bool = False
    """Whether anybody has counted yet."""
    trouble: str = ""
    """Why nobody can count now: the database is away, or of a newer version; empty when it is not."""
    trouble_in_short: str = ""
    """The same in two words."""
