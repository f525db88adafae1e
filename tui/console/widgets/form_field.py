"""One field of a form: its label, what is typed, and below it what is wrong."""

from __future__ import annotations

import re
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from core.resources.kind import Field, FieldType
from tui.console.foreign import foreign
from tui.console.sentences import going_on
from tui.console.widgets.choice_line import ChoiceLine
from tui.console.widgets.reference_line import ReferenceLine
from tui.console.widgets.safe_input import SafeInput, SafeTextArea
from tui.console.widgets.value_line import ValueLine

_EXAMPLES = {FieldType.CONDITIONS: "Subject: invoice", FieldType.VALUES: "X-OTOBO-Queue: Support"}
"""What is shown in fields of a form of their own while nothing stands there."""

_BETWEEN_LINES = {FieldType.WORDS: ", ", FieldType.SECRET: ""}
"""What is put between pasted lines: a list has a word a line, and a token was broken by a terminal."""

_IN_TOML = re.compile(r": (\[\{|\{).*\}\]?\.$")
"""How a complaint ends that shows what stands in a configuration."""

_SEVERAL_LINES = {FieldType.NOTE, *_EXAMPLES}


class _LineInput(SafeInput):
    # An input scrolls, so it would keep the arrows to itself.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "app.focus_next", tooltip="To the next field", show=False),
        Binding("up", "app.focus_previous", tooltip="To the field before", show=False),
    ]


class _LinesInput(SafeTextArea):
    """Several lines; arrows lead out of it as they lead out of a line."""

    def action_cursor_down(self, select: bool = False) -> None:
        """Down, and from the last line to the next field."""
        if self.cursor_at_last_line and not select:
            self.screen.focus_next()
        else:
            super().action_cursor_down(select)

    def action_cursor_up(self, select: bool = False) -> None:
        """Up, and from the first line to the field before."""
        if self.cursor_at_first_line and not select:
            self.screen.focus_previous()
        else:
            super().action_cursor_up(select)


class FormField(Vertical):
    """A label and the widget its type asks for."""

    class Changed(Message):
        """Something else stands in it."""

        def __init__(self, field: FormField) -> None:
            super().__init__()
            self.field = field

    class Left(Message):
        """The keys go elsewhere now."""

        def __init__(self, field: FormField) -> None:
            super().__init__()
            self.field = field

    class Entered(Left):
        """The keys go here now."""

    def __init__(self, field: Field, typed: str) -> None:
        super().__init__(id=f"field-{field.name}")
        self.field = field
        self.widget = _widget(field, typed)
        self._label = Static(_label(field, is_needed=field.is_required), markup=False, classes="label")
        self._problem = Static("", markup=False, classes="problem")

    def compose(self) -> ComposeResult:
        """Label, widget, and room for a complaint."""
        with Horizontal(classes="line"):
            yield self._label
            yield self.widget
        yield self._problem

    @property
    def typed(self) -> str:
        """What stands in it."""
        if isinstance(self.widget, TextArea):
            return self.widget.text
        assert isinstance(self.widget, Input | ValueLine)
        return self.widget.value

    @typed.setter
    def typed(self, text: str) -> None:
        if isinstance(self.widget, TextArea):
            self.widget.text = text
        else:
            assert isinstance(self.widget, Input | ValueLine)
            self.widget.value = text

    def tell_kept(self, *, is_kept: bool) -> None:
        """Say whether a secret is kept already; it is never shown."""
        if isinstance(self.widget, Input) and self.field.is_secret:
            self.widget.placeholder = "•••••••• kept; type to replace it" if is_kept else "none"

    def tell_needed(self, *, is_needed: bool) -> None:
        """Say whether it must be given, now that other fields say what they say."""
        self._label.update(_label(self.field, is_needed=is_needed))

    def complain(self, text: str) -> None:
        """Say what is wrong with it; nothing is, when the text is empty."""
        self.set_class(bool(text), "-wrong")
        if self.field.type in _EXAMPLES:
            # Here it is written otherwise than in the text of a configuration: by lines, as the help says.
            text = f"{_IN_TOML.sub('.', text)} {self.field.help}" if text else ""
        self._problem.update(foreign(f"✗ {going_on(text)}") if text else "")

    @property
    def is_wrong(self) -> bool:
        """Whether a complaint stands below it."""
        return self.has_class("-wrong")

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        """Come here."""
        self.post_message(self.Entered(self))

    def on_descendant_blur(self, _: events.DescendantBlur) -> None:
        """Gone elsewhere."""
        self.post_message(self.Left(self))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Typed."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Typed."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_value_line_changed(self, event: ValueLine.Changed) -> None:
        """Chosen."""
        event.stop()
        self.post_message(self.Changed(self))


def _label(field: Field, *, is_needed: bool) -> Content:
    return Content.assemble(field.label, ("*" if is_needed else " ", "$text-primary"))


def _widget(field: Field, typed: str) -> Widget:
    match field.type:
        case FieldType.CHOICE:
            return ChoiceLine(field.choices, typed)
        case FieldType.YES_NO:
            return ChoiceLine(("yes", "no"), typed or "no")
        case FieldType.REFERENCE:
            return ReferenceLine(typed, field.refers_to)
    if field.type in _SEVERAL_LINES:
        example = _EXAMPLES.get(field.type, "")
        return _LinesInput(
            typed,
            compact=True,
            tab_behavior="focus",
            show_line_numbers=False,
            placeholder=f"as {example}" if example else "",
        )
    line = _LineInput(
        typed, compact=True, password=field.is_secret, select_on_focus=False, placeholder=_when_empty(field)
    )
    line.between_lines = _BETWEEN_LINES.get(field.type, " ")
    return line


def _when_empty(field: Field) -> str:
    """What holds when nothing is typed, where the field's help says it."""
    return field.help.partition("mpty: ")[2].rstrip(".")
