"""Rows of any kind as cells of a plain table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core import clock
from core.resources.in_words import in_words
from core.resources.kind import Column, ColumnType, FieldType, Kind
from core.resources.values import write_value
from tui.cli.told.output import TableColumn
from tui.sizes import size
from tui.untried import value_in

_RIGHT = {ColumnType.NUMBER, ColumnType.SIZE}


def table_columns(kind: Kind) -> list[TableColumn]:
    """The columns of the kind's table, as on its screen; those of times name their zone."""
    return [
        TableColumn(column.name, f"{column.label} ({_zone()})", is_whole=True)
        if column.type is ColumnType.TIME
        else TableColumn(column.name, column.label, column.type in _RIGHT)
        for column in kind.listed
    ]


def shown_cells(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as a person reads them."""
    return {column.name: _shown(column, value_in(row, column.name)) for column in kind.listed}


def shown_whole(kind: Kind, whole: Mapping[str, Any]) -> dict[str, Any]:
    """What `show` tells of a row, with durations and sizes as one writes them."""
    told = {name: value_in(whole, name) for name in whole}
    for field in kind.fields:
        value = told.get(field.name)
        if field.type is FieldType.DURATION and value is not None:
            told[field.name] = write_value(field, value / 1000)  # told in milliseconds, kept in seconds
        elif field.type is FieldType.SIZE and value is not None:
            told[field.name] = write_value(field, value)
    return told


def _shown(column: Column, value: Any) -> Any:
    if column.type is ColumnType.SIZE and isinstance(value, int):
        return size(value)
    if column.type is ColumnType.TIME and isinstance(value, datetime):
        # By the offset that holds now, winter and summer: it is the one the heading names.
        return f"{value.astimezone(clock.utcnow().astimezone().tzinfo):%Y-%m-%d %H:%M:%S}"
    text = in_words(value)
    return value if text is None else text


def _zone() -> str:
    return f"{clock.utcnow().astimezone():%Z}"
