"""Who would send: an address to send from, one to send to, and what is taken for down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.errors import PostroomError
from core.text import safe_text
from tui.console.calls import Answered, Calls
from tui.console.widgets.safe_input import SafeInput

Asked = tuple[str, str, list[str]]
"""From, to, and the mailboxes that are taken for down."""


class _Line(SafeInput):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]


class RouteDialog(ModalScreen[None]):
    """Asks as one types Enter; takes no turn and sends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    def __init__(self, simulate: Callable[[Asked], Sequence[str]], sender: str = "") -> None:
        super().__init__()
        self._simulate = simulate
        self._lines = {
            "From": _Line(sender, compact=True, select_on_focus=False),
            "To": _Line(compact=True),
            "Down": _Line(compact=True, placeholder="mailboxes taken for down, with commas"),
        }
        self._answer = Static("", markup=False)
        self._end = Static("enter asks   esc closes", markup=False, classes="end")
        self.calls = Calls(self, self._complain)

    def compose(self) -> ComposeResult:
        """Three lines, the answer below."""
        with Vertical(classes="dialog route"):
            yield Static("Who would send it now?", markup=False, classes="title")
            for label, line in self._lines.items():
                with Horizontal(classes="line"):
                    yield Static(label, markup=False, classes="label")
                    yield line
            with VerticalScroll(can_focus=False):
                yield self._answer
            yield self._end

    def on_mount(self) -> None:
        """To the first line that is empty."""
        next(line for line in self._lines.values() if not line.value or line is self._lines["Down"]).focus()

    def on_answered(self, message: Answered) -> None:
        """The services answered."""
        message.deliver()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """On to what is still empty, else ask."""
        for line in (self._lines["From"], self._lines["To"]):
            if not line.value.strip():
                line.focus()
                return
        sender, recipient, down = (line.value.strip() for line in self._lines.values())
        asked = (sender, recipient, [name.strip() for name in down.split(",") if name.strip()])
        self.calls.ask(lambda: self._simulate(asked), self._arrived, lane="route")

    def _arrived(self, lines: Sequence[str]) -> None:
        self._answer.update(Content("\n").join(Content(safe_text(line)) for line in lines))

    def _complain(self, error: PostroomError) -> None:
        self._answer.update(Content.styled(safe_text(str(error), multiline=True), "$text-error"))


def simulated(desk: Any, asked: Asked) -> Sequence[str]:
    """What the services say, a line a mailbox."""
    from core.errors import BadInput
    from core.services.what_if.route import simulate, told

    sender, recipient, down = asked
    try:
        return told(simulate(desk.handles, desk.actor, sender, recipient, down))
    except ValueError as error:
        raise BadInput(str(error)) from error
