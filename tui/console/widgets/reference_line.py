"""The name of another resource in one line: Enter or a letter opens the list to choose from."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.console.foreign import foreign
from tui.console.widgets.value_line import ValueLine


class ReferenceLine(ValueLine):
    """Shows the name; the form opens the list and gives the answer back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", "choose", tooltip="Choose from a list; a letter narrows it at once"),
        Binding("backspace,delete", "clear", "Nothing", tooltip="Choose none", show=False),
    ]

    class Asked(Message):
        """The list is wanted."""

        def __init__(self, line: ReferenceLine) -> None:
            super().__init__()
            self.line = line

    def __init__(self, value: str, refers_to: str) -> None:
        super().__init__(value)
        self._typed = ""
        self._is_asking = False
        self.refers_to = refers_to
        """The kind whose names can be chosen."""

    def on_key(self, event: events.Key) -> None:
        """A letter opens the list, already narrowed."""
        if event.character and event.character.isalnum():
            event.stop()
            event.prevent_default()
            # Whoever types fast types into the list that is about to open.
            self._typed += event.character
            self.action_choose()

    def on_click(self) -> None:
        """A click opens it too."""
        self.action_choose()

    def action_choose(self) -> None:
        """Ask for the list."""
        if not self._is_asking:
            self._is_asking = True
            self.post_message(self.Asked(self))

    def taken(self) -> str:
        """What was typed so far; the list takes it over."""
        typed, self._typed = self._typed, ""
        return typed

    def answered(self, value: str | None) -> None:
        """The list gave a name, or nothing."""
        self._is_asking = False
        if value is not None:
            self.value = value

    def action_clear(self) -> None:
        """Refer to nothing."""
        self.value = ""

    def _draw(self) -> None:
        style = "bold reverse" if self.has_focus else "bold"
        name = foreign(self._value or "none", style if self._value or self.has_focus else "$foreground-muted")
        hint = f"   enter lists the {self.refers_to}s" if self.has_focus else ""
        self.update(Content.assemble(name, (hint, "$foreground-muted")))
