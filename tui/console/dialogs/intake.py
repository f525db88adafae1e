"""Taking messages in from a file: what would become of them, then, if that is wanted, doing it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.errors import PostroomError
from core.text import safe_text
from tui.console.calls import Answered, Calls
from tui.console.desk import Desk
from tui.console.taking_in import Plan, planned, taken_in
from tui.console.widgets.file_name import FileName
from tui.console.widgets.safe_input import SafeInput

_KEYS = "enter shows what would become of it   ctrl+s takes it in   esc closes"


class IntakeDialog(ModalScreen[str | None]):
    """Enter looks and changes nothing; ctrl+s takes in. Gives back what to say, once something was taken in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("ctrl+s", "take_in", "Take in", priority=True),
        Binding("down", "scroll(1)", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(12)", show=False),
        Binding("pageup", "scroll(-12)", show=False),
    ]

    def __init__(self, desk: Desk, account: str) -> None:
        super().__init__()
        self._desk = desk
        self._account = account
        self._line = SafeInput(compact=True, placeholder="an .eml or mbox on this machine", suggester=FileName())
        self._answer = Static("", markup=False)
        self._end = Static(_KEYS, markup=False, classes="end")
        self._stop: threading.Event | None = None
        self.calls = Calls(self, self._complain)

    def compose(self) -> ComposeResult:
        """The file, the answer below."""
        with Vertical(classes="dialog intake"):
            title = f"Take messages in, as if {self._account} had received them"
            yield Static(safe_text(title), markup=False, classes="title")
            with Horizontal(classes="line"):
                yield Static("File", markup=False, classes="label")
                yield self._line
            with VerticalScroll(can_focus=False):
                yield self._answer
            yield self._end

    def on_mount(self) -> None:
        """Type."""
        self._line.focus()

    def on_unmount(self) -> None:
        """Whoever leaves the console ends it after the batch in hand; the same file takes in the rest."""
        if self._stop is not None:
            self._stop.set()

    def on_answered(self, message: Answered) -> None:
        """The services answered."""
        message.deliver()

    def on_input_changed(self, _: Input.Changed) -> None:
        """Another file: what stands below is no longer about it."""
        if self._stop is None:
            self._show(())

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Look."""
        if self._file and self._stop is None:
            desk, account, file = self._desk, self._account, self._file
            self._end.update("looking …")
            self.calls.ask(lambda: planned(desk, account, file), self._looked, lane="look")

    def action_take_in(self) -> None:
        """Do it."""
        if not self._file or self._stop is not None:
            return
        desk, account, file, stop = self._desk, self._account, self._file, threading.Event()
        self._stop = stop
        self._end.update("taking in …   esc stops after the batch in hand")
        self.calls.ask(lambda: taken_in(desk, account, file, stop), self._done)

    def action_leave(self) -> None:
        """Close; what is being taken in is stopped first."""
        if self._stop is None:
            self.dismiss(None)
        else:
            self._stop.set()
            self._end.update("stopping after the batch in hand …")

    def action_scroll(self, lines: int) -> None:
        """Up or down the answer."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @property
    def _file(self) -> str:
        return self._line.value.strip()

    def _done(self, said: str) -> None:
        self.dismiss(said)

    def _looked(self, plan: Plan) -> None:
        if self._stop is None:
            self._show(plan)
            self._end.update(_KEYS)

    def _show(self, lines: Sequence[tuple[str, str]]) -> None:
        self._answer.update(Content("\n").join(Content.styled(safe_text(text), style) for text, style in lines))

    def _complain(self, error: PostroomError) -> None:
        self._stop = None
        self._show([(str(error), "$text-error")])
        self._end.update(_KEYS)
