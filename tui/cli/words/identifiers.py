"""Ids on a command line."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import Misuse


def read_ids(words: Sequence[str], kind: str) -> list[int]:
    """The ids that were named.

    Raises:
        Misuse: one is no number.
    """
    for word in words:
        if not word.isdecimal() or len(word) > 18:
            raise Misuse(f"{word!r} is no id. `postroom list {kind}` shows them.")
    return [int(word) for word in words]
