"""What a server or a library said, as it is kept."""

from __future__ import annotations

from functools import lru_cache

from core.text import bounded, clean

LONGEST = 1000
"""Characters of it."""


@lru_cache(maxsize=256)
def kept(text: str) -> str:
    """Cleaned and bounded: text that the database refuses would lose a whole window's outcome."""
    return bounded(clean(text), LONGEST)
