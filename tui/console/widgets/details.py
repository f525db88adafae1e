"""The details of one row: every column it has, labelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from core.resources.kind import Column, ColumnType, FieldType, Kind
from core.resources.values import write_value
from tui.console.cells import cell, local_moment, words, zone
from tui.console.window import Row
from tui.console.wrapping import Pair
from tui.untried import value_in


class Details(VerticalScroll, can_focus=False):
    """What the table has no room for."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind
        self._body = Static("", markup=False)

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._body

    def show(self, row: Row | None) -> None:
        """Show a row."""
        self._body.update(labelled(self._kind, row) if row is not None else "")


def labelled(kind: Kind, row: Row) -> Content:
    """All columns of a row that hold something, a line each."""
    lines = [Content.assemble((f"{name}: ", "$foreground-muted"), value) for name, value in facts_of(kind, row)]
    return Content("\n").join(lines)


def facts_of(kind: Kind, row: Row) -> list[Pair]:
    """The columns of a row that hold something: label and value; then the zone of its times."""
    pairs, has_times = [], False
    for column in kind.columns:
        value = value_in(row, column.name)
        if value in (None, "", [], {}):
            continue
        has_times = has_times or column.type is ColumnType.TIME
        pairs.append((column.label, _shown(kind, column, value) or words(value)))
    return [*pairs, ("Times", zone())] if has_times else pairs


def _shown(kind: Kind, column: Column, value: Any) -> str:
    field = kind.field(column.name)
    if field is not None and field.type in {FieldType.DURATION, FieldType.SIZE}:
        return words(write_value(field, value))  # as the form shows it, with its unit
    match column.type:
        case ColumnType.TIME:
            return local_moment(value)
        case ColumnType.YES_NO:
            return words(bool(value))
    return cell(replace(column, width=0), value).text  # here is room for the whole word
