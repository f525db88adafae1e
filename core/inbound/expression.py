"""A person's regular expression, run within limits: nobody's pattern, and nobody's mail, may stop the room."""

from __future__ import annotations

import re
from typing import Any

import regex

from core.errors import BadInput

SECONDS = 0.25
"""How long one expression may look at one value."""

LONGEST_EXPRESSION = 2000
MOST_REPEATS = 1000
_MOST_COPIES = 1_000_000

_REPEATS = re.compile(r"\{(\d+)")
# Without repeats, groups and alternatives an expression fits in one way only, and cannot run long. The time limit
# costs seven times what such an expression does.
_CANNOT_RUN_LONG = re.compile(r"[^*+?{(|\\]*(?:\\[.\-@#/\[\]wdsWDSb][^*+?{(|\\]*)*")


class Expression:
    """A compiled expression: case-insensitive, unanchored, limited in time.

    Raises:
        BadInput: it cannot be read, or compiling it would take more memory than an expression may.
    """

    __slots__ = ("_pattern", "_seconds")

    def __init__(self, text: str) -> None:
        _check_size(text)
        try:
            self._pattern = regex.compile(text, regex.IGNORECASE)
        except regex.error as error:
            raise BadInput(f"The expression cannot be read: {error}.") from error
        except (RecursionError, MemoryError, OverflowError, ValueError, KeyError) as error:
            raise BadInput("The expression is too deeply nested or uses what is not known here.") from error
        self._seconds = None if _CANNOT_RUN_LONG.fullmatch(text) else SECONDS

    def search(self, value: str) -> Any:
        """Where it fits in a value, or `None`.

        Raises:
            TimeoutError: it ran for too long.
        """
        return self._pattern.search(value, timeout=self._seconds)

    def fullmatch(self, value: str) -> Any:
        """Whether it fits a value as a whole, as `search`."""
        return self._pattern.fullmatch(value, timeout=self._seconds)


def _check_size(text: str) -> None:
    if len(text) > LONGEST_EXPRESSION:
        raise BadInput(f"The expression is longer than {LONGEST_EXPRESSION} characters.")
    copies = 1
    for repeats in _REPEATS.findall(text):
        # What is repeated is copied while compiling: a{1000000000} eats all memory before any time limit counts.
        count = int(repeats) if len(repeats) <= 9 else MOST_REPEATS + 1
        copies *= max(count, 1)
        if count > MOST_REPEATS or copies > _MOST_COPIES:
            raise BadInput(f"The expression repeats something more than {MOST_REPEATS} times, or repeats repeats.")
