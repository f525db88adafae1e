"""What screens with a filter box share: typing there, leaving it, and keys that wait for the rows they mean."""

from __future__ import annotations

from tui.console.desk import Desk
from tui.console.screens.base import DeskScreen
from tui.console.widgets.filter_box import FilterBox
from tui.console.widgets.row_table import RowTable

_NOT_FOR_ROWS = frozenset({"slash", "colon", "question_mark", "q", *"123456789"})
"""Keys that wait for no rows: they lead elsewhere."""


class FilteredScreen(DeskScreen):
    """Rows that are narrowed as one types."""

    table: RowTable
    """The rows."""

    def __init__(self, desk: Desk, title: str, filter_text: str) -> None:
        super().__init__(desk, title)
        self.filter_box = FilterBox(filter_text)
        self.rows_of: str | None = None
        """The filter whose rows are shown; none before the first came."""
        self.has_failed = False
        """Whether the rows of the filter could not be had."""

    @property
    def is_narrowed(self) -> bool:
        """Whether the rows shown are those of the filter as it stands: others must not be acted on in their place."""
        return self.rows_of == self.filter_box.text

    def takes_key(self, key: str) -> bool:
        """Whether a key finds the rows it means: of `/desk⏎d` the last must not delete what stood there before."""
        return key in _NOT_FOR_ROWS or self.filter_box.is_typing or self.is_narrowed or self.has_failed

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_box.type_here()

    def action_leave_filter(self, clears: bool) -> None:
        """Back to the rows; Escape clears."""
        if clears:
            self.filter_box.text = ""
        self.filter_box.settle()
        self.table.focus()
