"""What is to be done for a choice in a form, step by step."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.resources.kind import Advice


class Guide(ModalScreen[None]):
    """The steps of an advice, to be scrolled and read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,ctrl+g", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(self, advice: Advice) -> None:
        super().__init__()
        self._advice = advice

    def compose(self) -> ComposeResult:
        """Title, warning, steps, and where there is more."""
        advice = self._advice
        with VerticalScroll(classes="dialog help"):
            yield Static(Content.styled(advice.title, "bold"), markup=False)
            if advice.warning:
                yield Static(Content.styled(advice.warning, "$text-warning"), markup=False, classes="step")
            for number, step in enumerate(advice.steps, 1):
                yield Static(
                    Content.assemble((f"{number}. ", "bold $text-primary"), step), markup=False, classes="step"
                )
            if advice.page:
                yield Static(
                    Content.styled(f"More, and what each error means: {advice.page}", "dim"),
                    markup=False,
                    classes="step",
                )

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
