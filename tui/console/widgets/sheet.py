"""A text that is drawn to its own width, and anew when that changes."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widgets import Static

Paint = Callable[[int], Content]
"""What is shown, given how many cells a line has."""


class Sheet(Static):
    """What is painted on it."""

    def __init__(self, paint: Paint = lambda _: Content("")) -> None:
        super().__init__(markup=False)
        self._paint = paint
        self._width = 0

    def show(self, paint: Paint) -> None:
        """Show something else."""
        self._paint = paint
        self.draw()

    def draw(self) -> None:
        """Paint it anew."""
        if self.size.width:
            self.update(self._paint(self.size.width))

    def on_resize(self) -> None:
        """Paint it to another width."""
        if self.size.width != self._width:
            self._width = self.size.width
            self.draw()
