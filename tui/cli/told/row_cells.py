"""Rows of any kind as cells of a plain table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core import clock
from core.resources.in_words import in_words
from core.resources.kind import Column, ColumnType, Kind
from tui.cli.told.output import TableColumn
from tui.sizes import size
from tui.untried import value_in

_RIGHT = {ColumnType.NUMBER, ColumnType.SIZE}


def table_columns(kind: Kind) -> list[TableColumn]:
    """The columns of the kind's table, as on its screen; those of times name their zone."""
    return [
        TableColumn(column.name, f"{column.label} ({zone()})", is_whole=True)
        if column.type is ColumnType.TIME
        else TableColumn(column.name, column.label, column.type in _RIGHT)
        for column in kind.listed
    ]


def shown_cells(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as a person reads them."""
    return {column.name: _shown(column, value_in(row, column.name)) for column in kind.listed}


def _shown(column: Column, value: Any) -> Any:
    if column.type is ColumnType.SIZE and isinstance(value, int):
        return size(value)
    if column.type is ColumnType.TIME and isinstance(value, datetime):
        return in_zone(value)
    text = in_words(value)
    return value if text is None else text


def in_zone(moment: datetime) -> str:
    """A time as lists show it: by the offset that holds now, winter and summer, as it is the one a heading names."""
    return f"{moment.astimezone(clock.utcnow().astimezone().tzinfo):%Y-%m-%d %H:%M:%S}"


def zone() -> str:
    """What the zone is called."""
    return f"{clock.utcnow().astimezone():%Z}"
