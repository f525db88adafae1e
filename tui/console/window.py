"""The part of a list that is held: a few hundred rows around the cursor, extended by key at either end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

PAGE = 100
"""Rows asked for at a time."""

MOST = 300
"""Rows held at most."""

MARGIN = 30
"""Rows from an end at which the next page is asked for."""


@dataclass(frozen=True)
class Window:
    """Consecutive rows of a list, and whether there are others beyond either end."""

    rows: tuple[Row, ...] = ()
    has_before: bool = False
    has_after: bool = False

    def extended(self, rows: tuple[Row, ...], *, has_more: bool) -> Window:
        """With the next rows; the first ones go when there are too many."""
        joined = self.rows + rows
        dropped = max(0, len(joined) - MOST)
        return Window(joined[dropped:], self.has_before or dropped > 0, has_more)

    def preceded(self, rows: tuple[Row, ...], *, has_more: bool) -> Window:
        """With the rows before; the last ones go when there are too many."""
        joined = rows + self.rows
        return Window(joined[:MOST], has_more, self.has_after or len(joined) > MOST)
