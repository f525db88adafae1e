"""The keys of the screen one came from, and how a filter is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.console.cells import zone
from tui.console.widgets.sheet import Sheet
from tui.console.wrapping import hanging

FILTERS = (
    ("words", "all of them, in any column, in any case"),
    ("column:word", "in that column alone, as in queue:support"),
    ("-word", "rows without it; -column:word too"),
    ('"two words"', 'together; column:"two words" too'),
    ("time:day", "in a column of times, as created:2026-11-17; 2026-11 is a month, tuesday the last one there was"),
)
"""How a filter is written."""


class Help(ModalScreen[None]):
    """What every key does here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", "Close"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("g", "scroll(-999)", show=False),
        Binding("G", "scroll(999)", show=False),
    ]

    def __init__(self, title: str, keys: Sequence[tuple[str, str]], columns: Sequence[str] = ()) -> None:
        super().__init__()
        self._columns = columns
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Keys, then the filter's grammar."""
        with VerticalScroll(classes="dialog help"):
            yield Static(Content.styled(self._title, "bold"), markup=False)
            yield Sheet(partial(_explained, self._keys))
            if self._columns:
                yield Static(Content.styled("\nA filter", "bold"), markup=False)
                yield Sheet(partial(_explained, FILTERS))
                yield Static(f"The columns here: {', '.join(self._columns)}.", markup=False)
            yield Static(f"\nTimes are local: {zone()}.", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _explained(pairs: Sequence[tuple[str, str]], width: int) -> Content:
    """What is pressed or typed, and what it means beside it."""
    names = max((len(name) for name, _ in pairs), default=0) + 2
    lines = []
    for name, told in pairs:
        first, *rest = hanging(told, width - names, "")
        lines += [Content.assemble((name.ljust(names), "bold $text-primary"), first)]
        lines += [Content(" " * names + piece) for piece in rest]
    return Content("\n").join(lines)
