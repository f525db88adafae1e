"""The navigation of wide terminals: all places, the one where one is, and how much is in some."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.console.places import PLACES, Place
from tui.console.standing import Standing


class Navigation(Static):
    """Places in groups; the first nine have a number to press."""

    class Chosen(Message):
        """A place was clicked."""

        def __init__(self, place: str) -> None:
            super().__init__()
            self.place = place

    def __init__(self, here: str, hidden: frozenset[str]) -> None:
        super().__init__(markup=False)
        self._here = here
        self._hidden = hidden
        self._standing = Standing()
        self._lines: list[str] = []

    def on_mount(self) -> None:
        """Draw the places."""
        self.stand(self._standing)

    def stand(self, standing: Standing) -> None:
        """Show how many wait."""
        self._standing = standing
        lines: list[Content] = []
        group = ""
        self._lines = []
        for number, place in enumerate(PLACES, start=1):
            if place.name in self._hidden:
                continue
            if place.group != group:
                group = place.group
                lines.append(Content.styled(f" {group}", "$foreground-muted"))
                self._lines.append("")
            self._lines.append(place.name)
            lines.append(self._line(number, place))
        self.update(Content("\n").join(lines))

    def on_click(self, event: events.Click) -> None:
        """Go to the place under the mouse."""
        if event.y < len(self._lines) and (name := self._lines[event.y]):
            self.post_message(self.Chosen(name))

    def _line(self, number: int, place: Place) -> Content:
        pointer = "▸" if place.name == self._here else " "
        key = str(number) if number <= 9 else " "
        count = {"outbox": self._standing.outbox, "quarantine": self._standing.quarantine}.get(place.name, 0)
        text = f" {pointer}{key} {place.title:<15}{count or ''}"
        style = "bold reverse" if place.name == self._here else ""
        return Content.styled(text, style)
