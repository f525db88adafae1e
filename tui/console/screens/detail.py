"""The one detail screen: everything about one row, and what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core import clock
from core.errors import PostroomError
from core.resources.kind import Kind
from core.text import safe_text
from tui.console import deeds, topics
from tui.console.catching_up import CatchingUp
from tui.console.desk import Desk
from tui.console.glyphs import BAD, GOOD, WARN
from tui.console.nouns import noun
from tui.console.screens.base import DeskScreen
from tui.console.sections import is_part, section, value_of
from tui.console.troubles import trouble
from tui.console.widgets.details import facts_of
from tui.console.widgets.sheet import Sheet
from tui.console.window import Row
from tui.console.wrapping import in_columns


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


class Origin(Protocol):
    """The list a row was opened from: what comes next there, and what may be done to it."""

    def refresh_data(self) -> None:
        """Ask again for the rows, and have the page of one do so."""

    def step(self, rows: int) -> Row | None:
        """Select the row so many further down, or up; none when there is none."""

    def act_on(self, name: str, row: Row) -> None:
        """Do one of the kind's own actions to a row."""

    def edit(self, row: Row) -> None:
        """Open its form."""


class DetailScreen(DeskScreen):
    """Columns and values, then each part that hangs on the row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "back", "back", tooltip="Back to the list"),
        Binding("q", "back", "Back", tooltip="Back to the list", show=False),
        Binding("J", "neighbour(1)", "next", tooltip="The next one of the list"),
        Binding("K", "neighbour(-1)", "previous", tooltip="The previous one of the list", show=False),
        Binding("y", "copy", "copy", tooltip="Copy its name; of a message, its Message-ID", show=False),
        Binding("w", "write", "write", tooltip="Write it to a file"),
    ]

    def __init__(self, desk: Desk, kind: Kind, row: Row, origin: Origin | None = None) -> None:
        super().__init__(desk, self.title_of(kind, row))
        self.kind = kind
        self.row = row
        self.origin = origin
        self.sheet = Sheet()
        """All that is shown."""
        if kind.name != "event":  # a line of a run is written once
            self.topics = topics.of_page(kind)
        self._catching_up = CatchingUp(self, self._whole, self.look_again, self._say_gone)
        self._was_shown = False
        self._told: tuple[str, str] | None = None

    @staticmethod
    def title_of(kind: Kind, row: Row) -> str:
        """What the header says."""
        what = noun(kind) if kind.is_editable else kind.name
        return f"{what.capitalize()} {safe_text(str(row[kind.key]))}"

    def compose_body(self) -> ComposeResult:
        """One text."""
        with Reading(classes="reading"):
            yield self.sheet

    def on_mount(self) -> None:
        """Show what is known; the rest is asked for."""
        self._begin()
        self.query_one(Reading).focus()

    def _begin(self) -> None:
        kind, row = self.kind, self.row
        self.sheet.show(lambda width: in_columns(facts_of(kind, row), width))
        self._say_of_it()

    def _say_of_it(self) -> None:
        said = trouble(self.kind, self.row, clock.utcnow())
        # It is open already.
        self.say(said.text.partition(" enter ")[0], said.tone)

    def refresh_data(self) -> None:
        """Ask for all of it."""
        if self.kind.name != "event":
            self.calls.ask(self._whole, self._arrived, lane="row")

    def catch_up(self) -> None:
        """Others wrote: show it where it is about this."""
        self._catching_up.begin()

    def _whole(self) -> Mapping[str, Any]:
        return self.desk.show(self.kind, self.row[self.kind.id_column])

    def _say_gone(self) -> None:
        self.say(f"{self.header.place}: no longer here, deleted or dealt with elsewhere. This is how it was.", WARN)

    def on_screen_resume(self) -> None:
        """Back from a dialog or a form: what was done there is seen in the list, too."""
        if self._was_shown and self.origin is not None:
            self.origin.refresh_data()
        self._was_shown = True

    def look_again(self) -> None:
        """Something was done to the row: show it as it stands by now, or leave when it went elsewhere."""
        kind, row = self.kind, self.row
        self.calls.ask(lambda: self.desk.row_now(kind, row), partial(self._looked_again, row), lane="row now")

    def _looked_again(self, before: Row, row: Row | None) -> None:
        if self.row is not before:
            return  # one has gone on meanwhile
        if row is not None:
            self.row = row
            self.header.rename(self.title_of(self.kind, row))
            self._say_of_it()
            self.refresh_data()
        elif self.is_current:
            self.app.pop_screen()
            if self._told is not None:
                self.console.tell(*self._told)

    def tell(self, text: str, tone: str = GOOD) -> None:
        """Say in passing what was done; the list says it when this closes because of it."""
        self._told = (text, tone)
        super().tell(text, tone)

    def complain(self, error: PostroomError) -> None:
        """Say what could not be read; it is no answer to what was done, as when a row went elsewhere by that."""
        super().tell(str(error) or type(error).__name__, BAD)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the list can do is done there; without one, nothing is."""
        if action == "neighbour" and self.origin is None:
            return False
        if action in {"act", "edit"}:
            verb = str(parameters[0]) if parameters else "change"
            is_allowed = self.desk.may(verb, self.kind) or self.desk.may("change", self.kind)
            return self.origin is not None and is_allowed and self.is_current
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    def action_neighbour(self, rows: int) -> None:
        """The next one of the list, or the one before."""
        row = self.origin.step(rows) if self.origin is not None else None
        if row is None:
            self.tell(f"That was the {'last' if rows > 0 else 'first'} one.", WARN)
            return
        self.row = row
        self.header.rename(self.title_of(self.kind, row))
        self.query_one(Reading).scroll_home(animate=False)
        self._begin()
        self.refresh_data()

    def action_act(self, name: str) -> None:
        """One of the kind's own actions on it, in the list; this stays open while it is there."""
        if self.origin is not None:
            self._told = None
            self.origin.act_on(name, self.row)

    def action_edit(self) -> None:
        """Its form, and then this again."""
        if self.origin is not None:
            self.origin.edit(self.row)

    def action_copy(self) -> None:
        """Copy its name, or its Message-ID."""
        self.console.orders.copy(deeds.name_to_copy(self.kind, self.row))

    def action_write(self) -> None:
        """Write it to a file."""
        self.calls.ask(lambda: deeds.written_whole(self.desk, self.kind, self.row), self.tell)

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        self.sheet.show(lambda width: self.painted(whole, width))

    def painted(self, whole: Mapping[str, Any], width: int) -> Content:
        """All of it, on lines of that width."""
        columns = {column.name for column in self.kind.columns}
        beyond = {
            self._label(name): value
            for name, value in whole.items()
            if name not in columns and value not in (None, "", [], {})
        }
        facts = facts_of(self.kind, self.row)
        facts += [(safe_text(name), value_of(value)) for name, value in beyond.items() if not is_part(value)]
        parts = [section(name, value, width) for name, value in beyond.items() if is_part(value)]
        return Content("\n").join([in_columns(facts, width), *parts])

    def _label(self, name: str) -> str:
        field = self.kind.field(name)
        return field.label if field is not None else name.replace("_", " ").capitalize()


def detail_screen(desk: Desk, kind: Kind, row: Row, origin: Origin | None = None) -> DeskScreen:
    """The screen that shows a row of a kind."""
    return _detail_class(
        kind.name, tuple((one.key, one.name, one.label, one.tooltip) for one in kind.actions), kind.is_editable
    )(desk, kind, row, origin)


@cache
def _detail_class(name: str, actions: tuple[tuple[str, str, str, str], ...], is_editable: bool) -> type[DetailScreen]:
    """The class for a kind, with a key for each of its actions."""
    from tui.console.screens.record import MessageScreen, OutgoingScreen, RecordScreen

    special: dict[str, type[DetailScreen]] = {
        "record": RecordScreen,
        "message": MessageScreen,
        "quarantine": MessageScreen,
        "outbox": OutgoingScreen,
    }
    bindings: list[BindingType] = [
        Binding(key, f"act('{verb}')", label.lower(), tooltip=told, id=f"{name}.{verb}")
        for key, verb, label, told in actions
    ]
    if is_editable:
        bindings.insert(0, Binding("e", "edit", "edit", tooltip="Change it", id="resource.edit"))
    return type(f"{name.title()}Detail", (special.get(name, DetailScreen),), {"BINDINGS": bindings})
