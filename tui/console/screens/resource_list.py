"""The looking half of the one list screen: filter box, table, details, any kind drawn from its description."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from core import clock
from core.errors import PostroomError
from core.resources.kind import Kind
from core.services.lists.paging import Cursor
from tui.console.cells import grouped
from tui.console.desk import COUNTED, Desk, key_of
from tui.console.nouns import none_yet, noun
from tui.console.screens.filtered import FilteredScreen
from tui.console.troubles import Trouble, trouble
from tui.console.widgets.details import Details
from tui.console.widgets.filter_box import FilterBox
from tui.console.widgets.row_table import RowTable
from tui.console.window import MOST, PAGE, Row, Window
from tui.empty_filter import why_nothing

T = TypeVar("T")

AGES_AFTER = 15.0
"""Seconds after which `8 min` is no longer true."""


class ResourceList(FilteredScreen):
    """Rows of a kind, a window of them at a time."""

    kind: ClassVar[Kind]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", tooltip="Narrow the list as you type", id="resource.filter"),
        Binding("escape", "back", "back", tooltip="Unmark, or clear the filter", show=False),
    ]

    def __init__(self, desk: Desk, filter_text: str = "") -> None:
        super().__init__(desk, self.kind.title, filter_text)
        self.table = RowTable(self.kind.listed, partial(key_of, self.kind))
        self.details = Details(self.kind)
        self.empty = Static("", markup=False, classes="empty")
        self._filter = filter_text
        self._wanted_name = ""
        self._anchor: Cursor | None = None
        self._begins_anew = False
        self._widened_at: Row | None = None
        """The row that was selected when the filter was cleared."""

    def compose_body(self) -> ComposeResult:
        """Filter above, table, details beside it."""
        yield self.filter_box
        with Horizontal():
            with Vertical():
                yield self.table
                yield self.empty
            yield self.details

    def on_mount(self) -> None:
        """Ask for the first rows."""
        self.table.focus()
        self.set_interval(AGES_AFTER, self.table.refresh)

    # -- the window -------------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        """Ask for the same window again; the selection stays on its row."""
        kind, text, anchor = self.kind, self._filter, self._anchor
        rows = min(MOST, max(PAGE, len(self.table.window.rows)))
        if anchor is None:
            self._ask_rows(lambda: self.desk.first_window(kind, text, rows), self._refreshed)
        else:
            self._ask_rows(lambda: self.desk.window_after(kind, text, anchor, rows), self._refreshed)
        self.count()

    def on_filter_box_changed(self, message: FilterBox.Changed) -> None:
        """Another filter: the list from its beginning."""
        self._filter, self._anchor, self._begins_anew = message.text, None, True
        self._wanted_name = ""
        kind, row, self._widened_at = self.kind, self._widened_at, None
        if row is None or message.text:
            self._ask_rows(lambda: self.desk.first_window(kind, message.text), self._loaded)
        else:
            self._ask_rows(lambda: self._around(row), self._loaded_around)
        self.count()

    def _around(self, row: Row) -> tuple[Window, Cursor]:
        """The whole list where a row stands in it, else from its beginning."""
        key = key_of(self.kind, row)
        window = self.desk.window_around_row(self.kind, "", key)
        return window or self.desk.first_window(self.kind, ""), key

    def on_row_table_edge_neared(self, message: RowTable.EdgeNeared) -> None:
        """More rows before they are needed."""
        kind, text, rows = self.kind, self._filter, self.table.window.rows
        if not rows or not self.is_narrowed:
            return
        if message.is_after:
            key = key_of(kind, rows[-1])
            self.calls.ask(lambda: self.desk.window_after(kind, text, key), partial(self._follow, key), lane="rows")
        else:
            key = key_of(kind, rows[0])
            self.calls.ask(lambda: self.desk.window_before(kind, text, key), partial(self._precede, key), lane="rows")

    def on_row_table_end_asked(self, message: RowTable.EndAsked) -> None:
        """The first or last row of the whole list."""
        kind, text = self.kind, self._filter
        if message.is_last:
            self._ask_rows(lambda: self.desk.last_window(kind, text), self._loaded_end)
        else:
            self._ask_rows(lambda: self.desk.first_window(kind, text), self._loaded)

    def _ask_rows(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        text = self._filter

        def arrived(found: T) -> None:
            self.rows_of, self.has_failed = text, False
            then(found)

        self.calls.ask(work, arrived, lane="rows", otherwise=self._cannot_list)

    def _cannot_list(self, error: PostroomError) -> None:
        self.has_failed = True
        self.complain(error)

    def _loaded(self, window: Window) -> None:
        self._begins_anew, self._wanted_name = False, ""
        # Refreshed from its first row on; one row is given up to name what precedes it.
        self._anchor = key_of(self.kind, window.rows[0]) if window.has_before else None
        self.table.show(window, is_new=True)
        self._show_emptiness()

    def _loaded_end(self, window: Window) -> None:
        self._loaded(window)
        self.table.select_last()

    def _loaded_around(self, found: tuple[Window, Cursor] | None) -> None:
        self._wanted_name = ""
        if found is not None:  # else the filter leaves it out
            window, key = found
            self._loaded(window)
            self.table.select_key(key)

    def _refreshed(self, window: Window) -> None:
        self.table.show(window, is_new=self._begins_anew)
        self._begins_anew = False
        self._show_emptiness()
        if self._wanted_name:
            self._go_to_wanted(window)

    def _go_to_wanted(self, window: Window) -> None:
        """Select the row that is wanted, here or wherever in the list it stands."""
        kind, text, name = self.kind, self._filter, self._wanted_name
        here = next((row for row in window.rows if str(row[kind.key]) == name), None)
        if here is not None:
            self._wanted_name = ""
            self.table.select_key(key_of(kind, here))
        else:
            self._ask_rows(lambda: self.desk.window_around(kind, text, name), self._loaded_around)

    def _follow(self, key: Cursor, page: Window) -> None:
        rows = self.table.window.rows
        if not rows or key_of(self.kind, rows[-1]) != key:
            return
        window = self.table.window.extended(page.rows, has_more=page.has_after)
        dropped = len(rows) + len(page.rows) - len(window.rows)
        if dropped:
            self._anchor = key_of(self.kind, rows[dropped - 1])
        self.table.show(window)

    def _precede(self, key: Cursor, page: Window) -> None:
        rows = self.table.window.rows
        if not rows or key_of(self.kind, rows[0]) != key:
            return
        has_more = page.has_before and len(page.rows) > 1
        # The first row of the page becomes the anchor the window is refreshed from, and is not held itself.
        self._anchor = key_of(self.kind, page.rows[0]) if has_more else None
        self.table.show(self.table.window.preceded(page.rows[1:] if has_more else page.rows, has_more=has_more))

    def arrive(self) -> None:
        """One comes here from another place: what is new since is in sight, unless one stood somewhere."""
        if self.kind.is_newest_first and self.table.is_at_rest:
            self._anchor, self._begins_anew = None, True
            self.refresh_data()

    def select_named(self, name: str) -> None:
        """Select the row of that name, once it is listed."""
        self._wanted_name = name
        self.refresh_data()

    # -- beside the rows --------------------------------------------------------------------------------------------

    def on_row_table_selected(self, message: RowTable.Selected) -> None:
        """Tell about the row."""
        self.details.show(message.row)
        said = self.said_of(message.row) if message.row is not None else Trouble("")  # the list says why it is empty
        self.say(said.text, said.tone)
        self.refresh_bindings()

    def said_of(self, row: Row) -> Trouble:
        """What the line above the keys says of a row."""
        return trouble(self.kind, row, clock.utcnow())

    def action_back(self) -> None:
        """Unmark, else clear the filter; what it found stays selected."""
        if self.table.marked:
            self.table.unmark_all()
            self.count()
        elif self.filter_box.text:
            self._widened_at = self.table.selected
            self.filter_box.text = ""

    def count(self) -> None:
        """Ask how many rows there are."""
        kind, text = self.kind, self._filter
        self.calls.ask(lambda: self.desk.counted(kind, text), self._counted, lane="count")

    def _counted(self, counts: tuple[int, int]) -> None:
        found, whole = (f"{grouped(count)}{'+' if count >= COUNTED else ''}" for count in counts)
        of_them = noun(self.kind, counts[1])
        text = f"{found} of {whole} {of_them}" if self._filter else f"{whole} {of_them}"
        if self.table.marked:
            text = f"{grouped(len(self.table.marked))} marked, {text}"
        self.filter_box.tell(text)

    def _show_emptiness(self) -> None:
        is_empty = not self.table.window.rows
        self.set_class(is_empty, "-empty")
        if is_empty:
            self.empty.update(self._why_empty())

    def _why_empty(self) -> str:
        if self._filter:
            said = [
                f"No {noun(self.kind, 0)} match this filter.\nEscape clears it.",
                why_nothing(self.kind, self._filter),
            ]
            return "\n\n".join(filter(None, said))
        if self.kind.is_editable and self.desk.may("add", self.kind):
            return f"{none_yet(self.kind)}\nPress n to add one.\n\n{self.kind.description}"
        return f"{none_yet(self.kind)}\n\n{self.kind.description}"
