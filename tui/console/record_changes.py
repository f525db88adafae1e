"""Records moved to another queue, or given another state, from the list: one, or all that are marked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from core.resources.catalogue import kind_named
from core.services import records
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.nouns import many
from tui.console.screens.base import DeskScreen
from tui.console.window import Row

FIELDS = {"queue": "Into which queue?", "state": "Which state?"}
"""What is changed so, and the question that is put."""


def change(screen: DeskScreen, field: str, rows: list[Row], then: Callable[[Any], None]) -> None:
    """Ask for the value, change the records, and hand on the sentence that says so."""
    desk = screen.desk

    def chosen(value: str | None) -> None:
        if value is not None:
            screen.calls.ask(partial(_changed, desk, field, value, rows), then)

    screen.app.push_screen(Choose(FIELDS[field], partial(_choices, desk, field)), chosen)


def _choices(desk: Desk, field: str) -> list[Choice]:
    values = desk.names(kind_named("queue"), "validity:valid") if field == "queue" else desk.handles.settings().states
    return [Choice(value, value) for value in values]


def _changed(desk: Desk, field: str, value: str, rows: list[Row]) -> str:
    changed = [records.change(desk.handles, desk.actor, str(row["number"]), {field: value}) for row in rows]
    count = sum(changed)
    what = str(rows[0]["number"]) if len(rows) == 1 else many(count, "record")
    if not count:
        return "Nothing was different."
    return f"{what}: {field} {value}."
