"""What the one-line fields of a form share: a value, and drawing it anew when it or the focus changes."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static


class ValueLine(Static, can_focus=True):
    """A value in one line, chosen and not typed; how, and how it looks, those below say."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # What holds the form scrolls, so it would take the arrows.
        Binding("down", "app.focus_next", tooltip="To the next field", show=False),
        Binding("up", "app.focus_previous", tooltip="To the field before", show=False),
    ]

    class Changed(Message):
        """Another value was chosen."""

    def __init__(self, value: str) -> None:
        super().__init__(markup=False)
        self._value = value

    @property
    def value(self) -> str:
        """What is chosen."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self._draw()
            self.post_message(self.Changed())

    def on_mount(self) -> None:
        """Draw it."""
        self._draw()

    def on_focus(self) -> None:
        """Show that keys go here."""
        self._draw()

    def on_blur(self) -> None:
        """Show that they go elsewhere."""
        self._draw()

    def _draw(self) -> None:
        raise NotImplementedError
