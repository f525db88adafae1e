"""Rows of any kind as cells of a plain table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.resources.in_words import in_words
from core.resources.kind import Column, ColumnType, Kind
from tui.cli.output import TableColumn

_RIGHT = {ColumnType.NUMBER, ColumnType.SIZE}


def table_columns(kind: Kind) -> list[TableColumn]:
    """The columns of the kind's table, as on its screen."""
    return [TableColumn(column.name, column.label, column.type in _RIGHT) for column in kind.listed]


def shown_cells(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as a person reads them."""
    return {column.name: _shown(column, row.get(column.name)) for column in kind.listed}


def _shown(column: Column, value: Any) -> Any:
    if column.type is ColumnType.SIZE and isinstance(value, int):
        return size(value)
    if column.type is ColumnType.TIME and isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    text = in_words(value)
    return value if text is None else text


def size(octets: int) -> str:
    """A number of bytes, short: `22 kB`."""
    amount = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return str(octets)
