"""A text of several lines, written and given back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from core.text import safe_text


class Write(ModalScreen[str | None]):
    """Gives back the text, or `None`; what was written is not thrown away by one key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "Send", priority=True),
        Binding("escape", "leave", "Leave", priority=True),
    ]

    def __init__(self, title: str, done: str = "sends") -> None:
        super().__init__()
        self._title = title
        self._keys = f"ctrl+s {done}, esc leaves"
        self._is_warned = False

    def compose(self) -> ComposeResult:
        """The title, the text, the keys."""
        with Vertical(classes="dialog write"):
            yield Static(safe_text(self._title), markup=False, classes="title")
            yield TextArea(tab_behavior="focus")
            yield Static(self._keys, markup=False, id="keys")

    def on_mount(self) -> None:
        """Begin to write."""
        self.query_one(TextArea).focus()

    def on_text_area_changed(self) -> None:
        """Whoever writes on has thought again."""
        self._is_warned = False
        self.query_one("#keys", Static).update(self._keys)

    def action_send(self) -> None:
        """Give the text back, if there is any."""
        if self.query_one(TextArea).text.strip():
            self.dismiss(self.query_one(TextArea).text)
        else:
            self.query_one("#keys", Static).update("There is nothing to send yet.")

    def action_leave(self) -> None:
        """Leave; what was written is thrown away by the second time only."""
        if self._is_warned or not self.query_one(TextArea).text.strip():
            self.dismiss(None)
            return
        self._is_warned = True
        self.query_one("#keys", Static).update("esc again throws the text away.")
