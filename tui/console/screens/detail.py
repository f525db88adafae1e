"""The one detail screen: everything about one row, and what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from core import clock
from core.resources.kind import Kind
from core.services.json_rows import plain
from core.text import safe_text
from tui.console import deeds
from tui.console.cells import words
from tui.console.desk import Desk
from tui.console.screens.base import DeskScreen
from tui.console.troubles import trouble
from tui.console.widgets.details import labelled
from tui.console.window import Row

SHOWN = 500
"""Lines of one part that are shown; a run may have thousands."""


class Reading(VerticalScroll, can_focus=True):
    """A text to read, scrolled with the keys of a pager."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", tooltip="Down", show=False),
        Binding("k,up", "scroll_up", "Up", tooltip="Up", show=False),
        Binding("space,pagedown,ctrl+d", "page_down", "Page down", tooltip="A page down", show=False),
        Binding("pageup,ctrl+u", "page_up", "Page up", tooltip="A page up", show=False),
        Binding("g,home", "scroll_home", "First", tooltip="To the beginning", show=False),
        Binding("G,end", "scroll_end", "Last", tooltip="To the end", show=False),
    ]


class DetailScreen(DeskScreen):
    """Columns and values, then each part that hangs on the row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,h", "back", "back", tooltip="Back to the list"),
        Binding("y", "copy", "copy", tooltip="Copy its name"),
        Binding("w", "write", "write", tooltip="Write it to a file"),
    ]

    def __init__(self, desk: Desk, kind: Kind, row: Row) -> None:
        super().__init__(desk, f"{kind.name.capitalize()} {safe_text(str(row[kind.key]))}")
        self.kind = kind
        self.row = row
        self.topics_of_row = frozenset({kind.name})
        self.text = Static("", markup=False)
        """All that is shown."""

    def compose_body(self) -> ComposeResult:
        """One text."""
        with Reading(classes="reading"):
            yield self.text

    def on_mount(self) -> None:
        """Show what is known; ask for the rest."""
        self.text.update(labelled(self.kind, self.row, ascii_only=self.desk.ascii_only))
        said = trouble(self.kind, self.row, clock.utcnow())
        self.say(said.text.removesuffix("enter opens it.").removesuffix("enter shows it.").strip(), said.tone)
        self.query_one(Reading).focus()

    def refresh_data(self) -> None:
        """Ask for all of it."""
        kind, key = self.kind, self.row[self.kind.id_column if self.kind.name != "event" else "run"]
        if kind.name != "event":
            self.calls.ask(lambda: self.desk.show(kind, key), self._arrived, lane="row")

    def action_back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    def action_copy(self) -> None:
        """Copy its name."""
        self.console.orders.copy(str(self.row[self.kind.key]))

    def action_write(self) -> None:
        """Write it to a file."""
        self.calls.ask(lambda: deeds.written(self.desk, self.kind, [self.row], ""), self.tell)

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        parts = [labelled(self.kind, self.row, ascii_only=self.desk.ascii_only)]
        columns = {column.name for column in self.kind.columns}
        for name, value in whole.items():
            if name not in columns and value not in (None, "", [], {}):
                parts.append(section(name.replace("_", " ").capitalize(), value))
        self.text.update(Content("\n").join(parts))


def section(title: str, value: Any) -> Content:
    """A heading and what stands under it."""
    if not isinstance(value, list | dict):
        return Content.assemble((f"{safe_text(title)}: ", "$foreground-muted"), words(value))
    heading = Content.styled(f"\n{safe_text(title)}", "bold $text-primary")
    return Content("\n").join([heading, *(Content(line) for line in lines_of(value))])


def lines_of(value: Any) -> list[str]:
    """A list or mapping as lines: a line an entry."""
    if isinstance(value, Mapping):
        return [f"  {safe_text(str(name))}: {words(one)}" for name, one in value.items()]
    shown = [f"  {_line(one)}" for one in value[-SHOWN:]]
    return shown if len(value) <= SHOWN else [f"  … {len(value) - SHOWN} before these", *shown]


def _line(one: Any) -> str:
    if isinstance(one, Mapping):
        return "  ".join(words(plain(part)) for part in one.values() if part not in (None, "", [], {}))
    return words(one)


def detail_screen(desk: Desk, kind: Kind, row: Row) -> DeskScreen:
    """The screen that shows a row of a kind."""
    from tui.console.screens.record import MessageScreen, RecordScreen

    special = {"record": RecordScreen, "message": MessageScreen, "quarantine": MessageScreen}
    return special.get(kind.name, DetailScreen)(desk, kind, row)
