"""The filter box: one line, narrowing the list as one types."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from tui.console.foreign import foreign
from tui.console.widgets.safe_input import SafeInput

DEBOUNCE = 0.04
"""Seconds to wait for another key before the database is asked."""


LONGEST = 300
"""Letters of a filter. Each word is looked for in each column: a whole mail, pasted by mistake, would take minutes."""


class _FilterInput(SafeInput):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.leave_filter(False)", "to the list"),
        Binding("down,tab", "screen.leave_filter(False)", "To the list", show=False),
        Binding("escape", "screen.leave_filter(True)", "clear"),
    ]


class FilterBox(Horizontal):
    """What the list is narrowed to, and how many rows that leaves."""

    class Changed(Message):
        """Another filter was typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._input = _FilterInput(
            text, compact=True, max_length=LONGEST, placeholder="filter: words, column:word, -word"
        )
        self._count = Static("", markup=False, classes="count")
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The sign, the input, the count."""
        yield Static(" /", markup=False, classes="sign")
        yield self._input
        yield self._count

    @property
    def text(self) -> str:
        """The filter as it stands."""
        return self._input.value

    @text.setter
    def text(self, value: str) -> None:
        self._input.value = value

    @property
    def is_typing(self) -> bool:
        """Whether keys go here."""
        return self._input.has_focus

    def type_here(self) -> None:
        """Take the keys."""
        self._input.focus()

    def tell(self, count: str) -> None:
        """Show how many rows there are."""
        self._count.update(foreign(count))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Wait for a moment whether another key follows."""
        event.stop()
        self._stop_waiting()
        self._timer = self.set_timer(DEBOUNCE, self._tell_changed)

    def settle(self) -> None:
        """No other key follows."""
        if self._timer is not None:
            self._tell_changed()

    def on_click(self, _: events.Click) -> None:
        """Type here."""
        self.type_here()

    def _tell_changed(self) -> None:
        self._stop_waiting()
        self.post_message(self.Changed(self.text))

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
