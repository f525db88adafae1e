"""The columns of a table: how wide each is where, and what of a row stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from core.resources.kind import ColumnType
from tui.console.cells import Cell, Heading, cell
from tui.console.window import Row
from tui.untried import value_in

STANDARD = 79
"""Cells that a table has at 80 columns. The columns beyond them, the last ones, are for wider terminals."""

_ELASTIC = {ColumnType.TEXT, ColumnType.WORDS, ColumnType.OBJECT}
LEAST_ELASTIC = 9
"""A text column narrower than this holds short words: cut, it would say nothing."""
NAMING = 20
"""Cells of the first column that are not given up to others."""


class Columns:
    """Headings, and the widths that they have in the table as wide as it is."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._headings = tuple(headings)
        self._widths: list[int] = []

    def fit(self, available: int) -> None:
        """Give them their widths anew."""
        self._widths = fitted(
            [column.width for column in self._headings],
            [_least(column, is_name=not place) for place, column in enumerate(self._headings)],
            [_is_elastic(column) for column in self._headings],
            available,
        )

    @property
    def heading(self) -> list[Cell]:
        """What stands above them."""
        right = {ColumnType.NUMBER, ColumnType.SIZE}
        return [Cell(column.label, is_right=column.type in right) for column in self._headings]

    def cells(self, row: Row) -> list[Cell]:
        """What a row has in them."""
        return [cell(column, value_in(row, column.name)) for column in self._headings]

    def filled(self, cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
        """Texts and their tones: each cell cut or filled to its column's width, with a blank between two."""
        for index, (shown, room) in enumerate(zip(cells, self._widths, strict=False)):
            if not room:
                continue
            yield _cut(shown, room), shown.tone
            if index < len(self._widths) - 1:
                yield " ", ""


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


def _least(column: Heading, *, is_name: bool) -> int:
    """What a column needs to say anything; the first tells the rows apart."""
    if is_name:
        return min(column.width, NAMING)
    return max(5, column.width // 2) if _is_elastic(column) else column.width


def _is_elastic(column: Heading) -> bool:
    return column.type in _ELASTIC and column.width >= LEAST_ELASTIC


def _cut(shown: Cell, room: int) -> str:
    length = cell_len(shown.text)
    if length > room:
        return set_cell_size(shown.text, room - 1) + "…"
    return " " * (room - length) + shown.text if shown.is_right else set_cell_size(shown.text, room)
