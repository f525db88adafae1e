"""One of a few words in one line: arrows or the first letter choose, nothing unfolds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content

from tui.console.widgets.value_line import ValueLine

_ON, _OFF = "●", "○"


class ChoiceLine(ValueLine):
    """All choices beside each other; when they do not fit, the chosen one between arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space,l", "step(1)", "Next choice", tooltip="The next choice", show=False),
        Binding("left,h", "step(-1)", "Previous choice", tooltip="The choice before", show=False),
    ]

    def __init__(self, choices: Sequence[str], value: str) -> None:
        super().__init__(value)
        self._choices = tuple(choices)

    def on_resize(self) -> None:
        """They may not fit any more."""
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """The first letter of a choice chooses it; again, the next one that begins so."""
        letter = (event.character or "").lower()
        starting = [one for one in self._choices if letter and one.lower().startswith(letter)]
        if starting and event.key not in {"h", "l"}:
            place = starting.index(self._value) + 1 if self._value in starting else 0
            self.value = starting[place % len(starting)]
            event.stop()
            event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """Choose what is under the mouse."""
        left = 0
        for one in self._choices:
            width = cell_len(f"{_ON} {one}  ")
            if left <= event.x < left + width:
                self.value = one
                return
            left += width

    def action_step(self, by: int) -> None:
        """The next or the previous choice."""
        place = self._choices.index(self._value) if self._value in self._choices else 0
        self.value = self._choices[(place + by) % len(self._choices)]

    def _draw(self) -> None:
        parts = []
        for one in self._choices:
            chosen = one == self._value
            style = ("bold reverse" if self.has_focus else "bold") if chosen else "$foreground-muted"
            parts.append(Content.styled(f"{_ON if chosen else _OFF} {one}", style))
        whole = Content("  ").join(parts)
        if whole.cell_length > self.size.width > 0:
            place = self._choices.index(self._value) + 1 if self._value in self._choices else 0
            style = "bold reverse" if self.has_focus else "bold"
            whole = Content.assemble(
                ("< ", "$foreground-muted"),
                (self._value, style),
                (f" >  {place} of {len(self._choices)}", "$foreground-muted"),
            )
        self.update(whole)
