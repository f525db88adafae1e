"""A person's regular expression, run within limits: nobody's pattern, and nobody's mail, may stop the room."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import regex

from core.clock import monotonic
from core.errors import BadInput

SECONDS = 0.25
"""How long one expression may look at the values of one message."""

LONGEST_EXPRESSION = 2000
"""Characters of one."""

MOST_REPEATS = 1000
"""How often a part of it may be said to repeat, as in `{1000}`."""

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

    def first_in(self, values: Iterable[str], *, as_a_whole: bool = False) -> Any:
        """Where it fits in the first of these values that it does fit, perhaps as a whole; or `None`.

        Raises:
            TimeoutError: it ran for too long, over all of them: a sender may give a field a thousand times.
        """
        fit = self._pattern.fullmatch if as_a_whole else self._pattern.search
        left = self._seconds
        for value in values:
            began = monotonic() if left is not None else 0.0
            if found := fit(value, timeout=left):
                return found
            if left is not None and (left := left - (monotonic() - began)) <= 0:
                raise TimeoutError
        return None


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
