"""The footer: the main keys of the screen, as many as fit, help always among them."""

from __future__ import annotations

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static, TextArea

from tui.console.key_names import name_of

LAST = ("slash", "colon", "question_mark", "f1")
"""Keys that stand at the end, in this order, before others may take the room."""

SAME = {"open": "edit"}
"""Actions that do what another one does, if that one is there: the list opens by `e` for who may edit."""


class KeyLine(Static):
    """The bindings that can be used now, drawn from their declarations."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Draw again whenever the bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.draw())
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Show as many as fit."""
        self.draw()

    def draw(self) -> None:
        """Show the keys of this moment."""
        if not self.is_attached or not self.screen.is_current:
            return
        shown = [active.binding for active in self.screen.active_bindings.values() if active.binding.show]
        # Where one types, the others are letters.
        hidden = LAST[:-1] if isinstance(self.screen.focused, Input | TextArea) else LAST[-1:]
        shown = [binding for binding in shown if binding.key not in hidden]
        first: list[Binding] = []
        last: list[Binding] = []
        offered = {binding.action for binding in shown}
        seen: set[str] = set()
        for binding in shown:
            if binding.action in seen or SAME.get(binding.action) in offered:
                continue
            seen.add(binding.action)
            (last if binding.key in LAST else first).append(binding)
        last.sort(key=lambda binding: LAST.index(binding.key))
        self.update(self._fitted(first, last), layout=False)

    def on_click(self, event: events.Click) -> None:
        """A key is pressed with the mouse."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)

    def _fitted(self, first: list[Binding], last: list[Binding]) -> Content:
        shown = [*((one, self._one(one)) for one in first), *((one, self._one(one)) for one in last)]
        room = self.size.width - 2
        # From the right, but never those at the end, nor the way back.
        spare = [place for place in range(len(first)) if first[place].key != "escape"]
        while spare and sum(label.cell_length + 2 for _, label in shown) > room:
            shown.pop(spare.pop())
        left, self._places = 1, []
        for binding, label in shown:
            self._places.append((left, left + label.cell_length, binding.key))
            left += label.cell_length + 2
        return Content.assemble(" ", Content("  ").join([label for _, label in shown]))

    def _one(self, binding: Binding) -> Content:
        return Content.assemble((name_of(self.app, binding), "bold $text-primary"), " ", binding.description)
