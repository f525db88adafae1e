"""Rows given another value of one field from the list, one or all that are marked: records a queue or a state,
addresses a queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from core.resources.catalogue import kind_named
from core.resources.kind import Kind
from core.resources.routing import ADDRESS
from core.services import records
from core.services.configuration.addresses import addresses
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.nouns import numbered
from tui.console.screens.base import DeskScreen
from tui.console.window import Row

FIELDS = {"queue": "Into which queue?", "state": "Which state?"}
"""What is changed so, and the question that is put."""


def change(screen: DeskScreen, kind: Kind, field: str, rows: list[Row], then: Callable[[str], None]) -> None:
    """Ask for the value, change the rows, and hand on the sentence that says so."""
    desk = screen.desk

    def chosen(value: str | None) -> None:
        if value is not None:
            screen.calls.ask(partial(_changed, desk, kind, field, value, rows), then)

    screen.app.push_screen(Choose(FIELDS[field], partial(_choices, desk, field)), chosen)


def _choices(desk: Desk, field: str) -> list[Choice]:
    values = desk.names(kind_named("queue"), "validity:valid") if field == "queue" else desk.handles.settings().states
    return [Choice(value, value) for value in values]


def _changed(desk: Desk, kind: Kind, field: str, value: str, rows: list[Row]) -> str:
    # What was different is known when it is written: others may have changed rows since they were listed.
    count = sum(_is_changed(desk, kind, row, {field: value}) for row in rows)
    if not count:
        return "Nothing was different."
    what = str(rows[0][kind.key]) if len(rows) == 1 else numbered(kind, count)
    return f"{what}: {field} {value}."


def _is_changed(desk: Desk, kind: Kind, row: Row, given: Mapping[str, str]) -> bool:
    if kind is ADDRESS:
        return addresses.change(desk.handles, desk.actor, str(row["address"]), given).is_changed
    return records.change(desk.handles, desk.actor, str(row["number"]), given)
