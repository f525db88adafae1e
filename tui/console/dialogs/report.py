"""An answer of several lines, worked out in a thread, to be scrolled and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import PostroomError
from core.text import safe_text
from tui.console.calls import Answered, Calls

Lines = Sequence[tuple[str, str]]
"""Texts and the styles they have; empty: the usual one."""


class Report(ModalScreen[None]):
    """Shows the lines once they are there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown", "scroll(12)", show=False),
        Binding("pageup", "scroll(-12)", show=False),
    ]

    def __init__(self, title: str, work: Callable[[], Lines]) -> None:
        super().__init__()
        self._title = title
        self._work = work
        self._body = Static("looking …", markup=False)
        self.calls = Calls(self, self._complain)

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        with Vertical(classes="dialog steps"):
            yield Static(Content.styled(safe_text(self._title), "bold"), markup=False)
            with VerticalScroll():
                yield self._body
            yield Static(Content.styled("esc closes", "$foreground-muted"), markup=False)

    def on_mount(self) -> None:
        """Have it worked out."""
        self.calls.ask(self._work, self._arrived)

    def on_answered(self, message: Answered) -> None:
        """It is."""
        message.deliver()

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _arrived(self, lines: Lines) -> None:
        self._body.update(Content("\n").join(Content.styled(safe_text(text), style) for text, style in lines))

    def _complain(self, error: PostroomError) -> None:
        self._body.update(Content.styled(safe_text(str(error), multiline=True), "$text-error"))
