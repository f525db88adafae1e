"""What the doctor finds, one check at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; also the exit code of `postroom doctor`."""

    OK = 0
    """As it should be."""
    WARNING = 1
    """It works, and a person should look."""
    ERROR = 2
    """Something does not work."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    level: Level
    text: str
    """What is so, and what to do if it should not be."""
