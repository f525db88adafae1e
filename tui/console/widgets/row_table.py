"""A table of rows that are asked for a window at a time; draws only the lines that changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.console.cells import Cell, Heading
from tui.console.columns import Columns
from tui.console.window import MARGIN, Row, Window

_POINTERS = {(False, False): " ", (False, True): "+", (True, False): "▸", (True, True): "*"}
"""What stands before a row, selected or not, marked or not."""

_TONES = ("good", "busy", "warn", "bad", "dull")


class RowTable(ScrollView, can_focus=True):
    """Rows of one kind: one of them selected, any of them marked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-table--header",
        "row-table--cursor",
        "row-table--marked",
        *(f"row-table--{tone}" for tone in _TONES),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", tooltip="Down", show=False),
        Binding("up,k", "move(-1)", "Up", tooltip="Up", show=False),
        Binding("pagedown,ctrl+d", "move_page(1)", "Page down", tooltip="A page down", show=False),
        Binding("pageup,ctrl+u", "move_page(-1)", "Page up", tooltip="A page up", show=False),
        Binding("g,home", "first", "First", tooltip="To the first row", show=False),
        Binding("G,end", "last", "Last", tooltip="To the last row", show=False),
    ]

    class Selected(Message):
        """Another row is selected, or the selected one changed."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        """The selected row was chosen with the mouse."""

    class EdgeNeared(Message):
        """The cursor came close to an end of the window beyond which there are more rows."""

        def __init__(self, *, is_after: bool) -> None:
            super().__init__()
            self.is_after = is_after

    class EndAsked(Message):
        """The first or the last row of the whole list is wanted, and it is not in the window."""

        def __init__(self, *, is_last: bool) -> None:
            super().__init__()
            self.is_last = is_last

    def __init__(self, columns: Sequence[Heading], key_of: Callable[[Row], Any]) -> None:
        super().__init__()
        self._columns = Columns(columns)
        self._key_of = key_of
        self._keys: list[Any] = []
        self.window = Window()
        """What is held."""
        self.cursor = 0
        """The selected row's place in the window."""
        self.marked: dict[Any, Row] = {}
        """The marked rows by key, in sight, held or not."""
        self.is_at_rest = True
        """Whether nobody has left the first row since the list was shown."""

    # -- what is shown ----------------------------------------------------------------------------------------------

    @property
    def selected(self) -> Row | None:
        """The selected row."""
        return self.window.rows[self.cursor] if self.cursor < len(self.window.rows) else None

    def show(self, window: Window, *, is_new: bool = False) -> None:
        """Hold these rows; the selection stays on its row, which stays where it is on the screen, unless all is new."""
        before, selected = self.window, self.selected
        before_top = self.scroll_offset.y
        key = self._keys[self.cursor] if selected is not None and self.cursor < len(self._keys) else None
        self.window = window
        self._keys = [self._key_of(row) for row in window.rows]
        self.marked |= {one: row for one, row in zip(self._keys, window.rows, strict=True) if one in self.marked}
        cursor = 0 if is_new else self._place_of(key, min(self.cursor, max(0, len(self._keys) - 1)))
        moved, self.cursor = cursor - self.cursor, cursor
        if len(before.rows) != len(window.rows):
            self.virtual_size = Size(self.size.width, len(window.rows) + 1)
        if is_new:
            self.is_at_rest = True
        if is_new or moved:
            # Whoever sees the beginning goes on seeing it, as long as the selected row is in sight there too.
            sees_first = not before_top and not before.has_before and not window.has_before
            stays = is_new or (sees_first and cursor < self.size.height - 1)
            self.scroll_to(y=0 if stays else max(0, before_top + moved), animate=False, force=True)
            self.refresh()
        else:
            self._refresh_changed(before)
        self._keep_visible()
        self.post_message(self.Selected(self.selected))

    def select_last(self) -> None:
        """Select the last row held."""
        self._select(len(self.window.rows) - 1)

    def select_key(self, key: Any) -> None:
        """Select the row of that key, if it is held."""
        self._select(self._place_of(key, self.cursor))

    def marked_or_selected(self) -> list[Row]:
        """The marked rows, else the selected one."""
        return list(self.marked.values()) or ([self.selected] if self.selected is not None else [])

    def toggle_mark(self) -> None:
        """Mark the selected row, or unmark it, and go on to the next."""
        if self.selected is None:
            return
        key = self._keys[self.cursor]
        if self.marked.pop(key, None) is None:
            self.marked[key] = self.selected
        self._refresh_row(self.cursor)
        self._select(self.cursor + 1)

    def mark(self, rows: Sequence[Row]) -> None:
        """Mark these, held or not."""
        self.marked |= {self._key_of(row): row for row in rows}
        self.refresh()

    def unmark_all(self) -> None:
        """Mark nothing."""
        self.marked.clear()
        self.refresh()

    # -- moving -----------------------------------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """Down, or up."""
        self._select(self.cursor + rows)

    def action_move_page(self, pages: int) -> None:
        """A page down, or up."""
        self._select(self.cursor + pages * max(1, self.size.height - 2))

    def action_first(self) -> None:
        """To the first row."""
        if self.window.has_before:
            self.post_message(self.EndAsked(is_last=False))
        else:
            self._select(0)

    def action_last(self) -> None:
        """To the last row."""
        if self.window.has_after:
            self.post_message(self.EndAsked(is_last=True))
        else:
            self.select_last()

    def on_click(self, event: events.Click) -> None:
        """Select the row under the mouse; a second click opens it."""
        row = event.y - 1 + self.scroll_offset.y
        if event.y > 0 and row < len(self.window.rows):
            self._select(row)
            if event.chain > 1:
                self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Give the columns their widths anew."""
        self._fit()
        self._keep_visible()

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar takes a column of the last cell's, and gives it back; that is no resize."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self._columns.fit(max(1, self.scrollable_content_region.width - 1))
        self.virtual_size = Size(self.size.width, len(self.window.rows) + 1)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for more when the end of the window comes near, also when one scrolls with the mouse."""
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead(int(new_value) + (self.size.height if new_value > old_value else 0))

    def _select(self, row: int) -> None:
        if not self.window.rows:
            return
        row = max(0, min(row, len(self.window.rows) - 1))
        self.is_at_rest = row == 0 and not self.window.has_before
        if row != self.cursor:
            before, self.cursor = self.cursor, row
            self._refresh_row(before)
            self._refresh_row(row)
            self._keep_visible()
            self._look_ahead(row)
            self.post_message(self.Selected(self.selected))

    def _look_ahead(self, row: int) -> None:
        if self.window.has_after and row >= len(self.window.rows) - MARGIN:
            self.post_message(self.EdgeNeared(is_after=True))
        elif self.window.has_before and row < MARGIN:
            self.post_message(self.EdgeNeared(is_after=False))

    def _keep_visible(self) -> None:
        height = self.size.height - 1
        if height <= 0:
            return
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def _place_of(self, key: Any, otherwise: int) -> int:
        return self._keys.index(key) if key in self._keys else otherwise

    # -- drawing ----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: the heading above, then the rows."""
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("row-table--header")
            return self._strip(" ", self._columns.heading, style, width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.window.rows):
            return Strip.blank(width, self.rich_style)
        is_marked = self._keys[index] in self.marked
        style = self.rich_style
        if is_marked:
            style += self.get_component_rich_style("row-table--marked", partial=True)
        if index == self.cursor:
            style += self.get_component_rich_style("row-table--cursor", partial=True)
        pointer = _POINTERS[index == self.cursor, is_marked]
        return self._strip(pointer, self._columns.cells(self.window.rows[index]), style, width)

    def _strip(self, pointer: str, cells: Sequence[Cell], style: Style, width: int) -> Strip:
        segments = [Segment(pointer, style)]
        for text, tone in self._columns.filled(cells):
            toned = self.get_component_rich_style(f"row-table--{tone}", partial=True) if tone else None
            segments.append(Segment(text, style + toned if toned else style))
        return Strip(segments).adjust_cell_length(width, style)

    def _refresh_row(self, row: int) -> None:
        y = row + 1 - self.scroll_offset.y
        if 0 < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _refresh_changed(self, before: Window) -> None:
        for row in range(max(len(before.rows), len(self.window.rows))):
            if before.rows[row : row + 1] != self.window.rows[row : row + 1]:
                self._refresh_row(row)
