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

STANDARD = 79
"""Cells that a table has at 80 columns. The columns beyond them, the last ones, are for wider terminals."""


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


def fitted(widths: list[int], least: list[int], elastic: list[bool], available: int, gap: int = 1) -> list[int]:
    """Column widths that fill what is available: too wide, text gives; too narrow, text columns take.

    Columns that do not fit get 0, the last ones first: at 80 columns or more those that would squeeze the others, in
    less those that would not fit even at their least widths.
    """
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + gap * (shown - 1) > max(available, STANDARD):
        shown -= 1
    while shown > 1 and sum(least[:shown]) + gap * (shown - 1) > available:
        shown -= 1
    fit = list(widths[:shown])
    room = available - gap * (shown - 1)
    while sum(fit) > room:
        reducible = [index for index in range(shown) if fit[index] > least[index]]
        if not reducible:
            break
        # Text gives first, each column by its share; numbers and times are useless when they are cut.
        fullest = max(reducible, key=lambda index: (elastic[index], fit[index] / widths[index], fit[index]))
        fit[fullest] -= 1
    takers = [index for index in range(shown) if elastic[index]] or [shown - 1]
    spare = max(0, room - sum(fit))
    whole = sum(fit[index] for index in takers)
    for index in takers:
        fit[index] += spare * fit[index] // max(1, whole)
    fit[takers[-1]] += max(0, room - sum(fit))
    return fit + [0] * (len(widths) - shown)
