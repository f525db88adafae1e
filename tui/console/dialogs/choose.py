"""Choosing one of many by typing a part of it: places, queues, whatever a field refers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from core.errors import PostroomError
from core.text import safe_text
from tui.console.calls import Answered, Calls
from tui.console.widgets.safe_input import SafeInput

SHOWN = 50
"""Choices shown at once; typing narrows them."""

_NO_POINTER = "  "


@dataclass(frozen=True)
class Choice:
    """One thing to choose."""

    value: str
    label: str
    hint: str = ""
    also: str = ""
    """Another word by which it is found."""


class _ChoiceInput(SafeInput):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.move(1)", show=False),
        Binding("up", "screen.move(-1)", show=False),
    ]


class Choose(ModalScreen[str | None]):
    """A line to type in, the matches below it; Enter takes the first or the one moved to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, title: str, choices: Sequence[Choice] | Callable[[], Sequence[Choice]], typed: str = "") -> None:
        super().__init__()
        self._title = title
        self._source = choices
        self._choices: Sequence[Choice] = () if callable(choices) else choices
        self._typed = typed
        self._shown: list[Choice] = []
        self._is_here = False
        self._pointed: int | None = None
        self._width = 0
        self.calls = Calls(self, self._complain)

    def compose(self) -> ComposeResult:
        """Title, line, list."""
        with Vertical(classes="dialog choose"):
            yield Static(safe_text(self._title), markup=False, classes="title")
            yield _ChoiceInput(
                self._typed, compact=True, select_on_focus=False, placeholder="type a part of it, or up and down"
            )
            yield OptionList(compact=True, markup=False)

    def on_mount(self) -> None:
        """Fill the list; it may have to be asked for."""
        self.query_one(OptionList).can_focus = False
        if callable(self._source):
            self.calls.ask(self._source, self._arrived)
        self._show()

    def on_answered(self, message: Answered) -> None:
        """The choices came."""
        message.deliver()

    def on_input_changed(self, _: Input.Changed) -> None:
        """Narrow."""
        self._show()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Take the highlighted one."""
        place = self.query_one(OptionList).highlighted
        if place is not None and place < len(self._shown):
            self.dismiss(self._shown[place].value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the one clicked."""
        self.dismiss(self._shown[event.option_index].value)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Point at it: where there is no colour, its background is not seen."""
        if self._pointed is not None and self._pointed < len(self._shown):
            self._draw(self._pointed, is_pointed=False)
        self._pointed = event.option_index
        if event.option_index < len(self._shown):
            self._draw(event.option_index, is_pointed=True)

    def action_move(self, rows: int) -> None:
        """Up or down the list while typing."""
        options = self.query_one(OptionList)
        if rows > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def _why_none(self) -> str:
        if callable(self._source) and not self._is_here:
            return "looking …"
        return "nothing matches; esc leaves" if self._choices else "there are none yet; esc leaves"

    def _arrived(self, choices: Sequence[Choice]) -> None:
        self._choices = choices
        self._is_here = True
        self._show()

    def _complain(self, error: PostroomError) -> None:
        self.notify(safe_text(str(error)), severity="error", markup=False)

    def _show(self) -> None:
        typed = self.query_one(_ChoiceInput).value.strip()
        self._shown = ranked(self._choices, typed)[:SHOWN]
        options = self.query_one(OptionList)
        options.clear_options()
        self._pointed = None
        self._width = max((cell_len(safe_text(one.label)) for one in self._choices), default=0)
        options.add_options(
            [Option(_line(one, self._width)) for one in self._shown] or [Option(self._why_none(), disabled=True)]
        )
        options.highlighted = 0 if self._shown else None

    def _draw(self, place: int, *, is_pointed: bool) -> None:
        pointer = "▸ " if is_pointed else _NO_POINTER
        options = self.query_one(OptionList)
        options.replace_option_prompt_at_index(place, _line(self._shown[place], self._width, pointer))


def ranked(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices that match, best first: what begins so, then what holds it, then what matches loosely."""
    if not typed:
        return list(choices)
    matcher, wanted = Matcher(typed), typed.lower()
    scored = []
    for place, one in enumerate(choices):
        label = one.label.lower()
        score = max(map(matcher.match, (one.label, one.value, one.also)))
        score += 100 * label.startswith(wanted) + 10 * (wanted in label)
        if score > 0:
            scored.append((-score, place, one))
    return [one for _, _, one in sorted(scored, key=lambda entry: entry[:2])]


def _line(one: Choice, width: int, pointer: str = _NO_POINTER) -> Content:
    label = pointer + safe_text(one.label)
    if not one.hint:
        return Content(label)
    width += cell_len(pointer)
    return Content.assemble(label, " " * (width - cell_len(label) + 2), (safe_text(one.hint), "$foreground-muted"))
