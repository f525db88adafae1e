"""What is asked when a connection is saved that no test has passed."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from core.text import safe_text


class Untested(StrEnum):
    """What to do about it."""

    TEST = "test"
    """Test now, and save if that goes well."""
    SAVE = "save"
    """Save it as it is."""


class AskUntested(ModalScreen[Untested | None]):
    """Test now, save anyway, or back to the form, which is what Escape does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", f"answer('{Untested.TEST}')", "Test now"),
        Binding("y", f"answer('{Untested.SAVE}')", "Save anyway"),
        Binding("escape,b", "answer('')", "Back"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, what: str, stopped_at: str = "") -> None:
        """`stopped_at`: the step at which the test of just this has stopped already."""
        super().__init__()
        self._what = what
        self._stopped_at = stopped_at

    def compose(self) -> ComposeResult:
        """The question above its answers."""
        said, again = f"{self._what} is not tested as it stands here.", "now"
        if self._stopped_at:
            said, again = f"{self._what} did not pass its test: it stopped at {self._stopped_at}.", "again"
        text = f"{said}\n\nTest the connection {again}? It is saved if that goes well."
        with Vertical(classes="dialog"):
            yield Static(safe_text(text, multiline=True), markup=False)
            with Horizontal(classes="answers"):
                yield Button("t Test now", id=Untested.TEST, compact=True, variant="primary")
                yield Button("y Save anyway", id=Untested.SAVE, compact=True)
                yield Button("b Back", id="back", compact=True)

    def on_mount(self) -> None:
        """To test is the nearer answer."""
        self.query_one(f"#{Untested.TEST}").focus()

    def action_answer(self, answer: str) -> None:
        """Give the answer."""
        self.dismiss(Untested(answer) if answer else None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button is an answer."""
        answer = event.button.id or ""
        self.action_answer(answer if answer in tuple(Untested) else "")
