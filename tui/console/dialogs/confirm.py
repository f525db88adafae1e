"""A question with two answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from core.text import safe_text


@dataclass(frozen=True)
class Question:
    """What is asked, and the words of the answers; without `yes` it is a statement."""

    text: str
    yes: str = "Yes"
    no: str = "No"
    is_grave: bool = True


class Confirm(ModalScreen[bool]):
    """Asks; Enter and Escape leave things as they are, y goes on. The key that asked never answers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("escape,n", "answer(False)", "No"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The text above its answers."""
        asked = self._question
        with Vertical(classes="dialog"):
            yield Static(safe_text(asked.text, multiline=True), markup=False)
            with Horizontal(classes="answers"):
                key = "n " if asked.yes else ""
                yield Button(f"{key}{asked.no}", id="no", compact=True)
                if asked.yes:
                    yield Button(
                        f"y {asked.yes}", id="yes", compact=True, variant="error" if asked.is_grave else "primary"
                    )

    def on_mount(self) -> None:
        """Leaving things as they are is the nearer answer."""
        self.query_one("#no").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A statement has no yes."""
        return not (action == "answer" and parameters == (True,) and not self._question.yes)

    def action_answer(self, is_sure: bool) -> None:
        """Give the answer."""
        self.dismiss(is_sure)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button is an answer."""
        self.dismiss(event.button.id == "yes")
