"""A test of a connection, step by step as it happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import PostroomError
from core.text import safe_text
from tui.console.fault_log import fault
from tui.console.widgets.sheet import Sheet
from tui.console.wrapping import pieces

if TYPE_CHECKING:
    from core.protocols.probe import Step
    from tui.console.app import PostroomApp

_SET_IN = 4
"""Cells before what does not fit on a step's first line."""


class Steps(ModalScreen["tuple[Step, ...]"]):
    """Shows the steps; gives them back once the last was told, and none when it was left before, or broke."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Close"),
        Binding("r", "again", "Again"),
        Binding("y", "copy", "Copy"),
    ]

    class Told(Message, bubble=False):
        """A step came, or the end did."""

        def __init__(self, number: int, step: Step | None, error: str = "") -> None:
            super().__init__()
            self.number, self.step, self.error = number, step, error

    def __init__(self, title: str, steps: Callable[[], Iterator[Step]]) -> None:
        super().__init__()
        self._title = title
        self._steps = steps
        self._number = 0
        self._taken: list[Step] = []
        self.is_over = False
        """Whether the last step was told."""
        self.is_well = False
        """Whether it went well to the end."""
        self._error = ""
        self._body = Sheet(self._drawn)
        self._end = Static("", markup=False, classes="end")

    def compose(self) -> ComposeResult:
        """Title, steps, end."""
        with Vertical(classes="dialog steps"):
            yield Static(Content.styled(safe_text(self._title), "bold"), markup=False)
            with VerticalScroll():
                yield self._body
            yield self._end

    def on_mount(self) -> None:
        """Begin."""
        self.action_again()

    def action_again(self) -> None:
        """Try it once more."""
        self._number += 1
        self._taken, self._error, self.is_over, self.is_well = [], "", False, True
        self._body.draw()
        self._end.update("trying …   esc leaves")
        # A daemon thread: closing the dialog waits for no server.
        threading.Thread(target=self._run, args=(self._number,), name="console-test", daemon=True).start()

    def action_copy(self) -> None:
        """Copy what the last step said: a fingerprint, or what to ask the provider."""
        if self._taken:
            cast("PostroomApp", self.app).orders.copy(self._taken[-1].detail)

    def action_leave(self) -> None:
        """Close; what was still to come is forgotten."""
        self._number += 1
        self.dismiss(tuple(self._taken) if self.is_over and not self._error else ())

    def on_steps_told(self, message: Steps.Told) -> None:
        """Show it."""
        if message.number != self._number:
            return
        if message.step is not None:
            self.is_well = self.is_well and message.step.ok
            self._taken.append(message.step)
            self._body.draw()
            self.query_one(VerticalScroll).scroll_end(animate=False)
            return
        self.is_over, self._error = True, message.error
        self.is_well = self.is_well and not message.error
        if message.error:
            self._end.update(Content.styled(f"✗ {message.error}\nesc closes, r again", "$text-error"))
        elif self.is_well:
            self._end.update(Content.styled("✓ All well.   esc closes, r again", "$text-success"))
        else:
            self._end.update(Content.styled("✗ It does not work yet.   esc closes, r again, y copies", "$text-error"))

    def _run(self, number: int) -> None:
        error = ""
        try:
            for step in self._steps():
                if number != self._number:
                    return
                self.post_message(self.Told(number, step))
        except PostroomError as refusal:
            error = str(refusal)
        except Exception as broken:  # noqa: BLE001 - whoever waits here is told, whatever broke
            error = str(fault(self._title, broken))
        self.post_message(self.Told(number, None, safe_text(error, multiline=True)))

    def _drawn(self, width: int) -> Content:
        return Content("\n").join(self._line(step, width) for step in self._taken)

    def _line(self, step: Step, width: int) -> Content:
        sign, colour = ("✓", "$text-success") if step.ok else ("✗", "$text-error")
        ms = f"{step.ms:,.0f} ms" if step.ms is not None else ""
        name = safe_text(step.step)
        head = Content.assemble((f"{sign} ", colour), (name + " " * max(1, 10 - cell_len(name)), "bold"), f"{ms:>9}  ")
        first, *rest = safe_text(step.detail, multiline=True).split("\n")
        lines = pieces(first, width - _SET_IN, max(_SET_IN, width - head.cell_length))
        lines += [piece for line in rest for piece in pieces(line, width - _SET_IN)]
        return Content.assemble(head, f"\n{' ' * _SET_IN}".join(lines))
