"""The one form screen: any kind, drawn from its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from core.errors import BadInput, PostroomError, Problem
from core.resources.catalogue import kind_named
from core.resources.kind import Kind
from core.services import testing
from core.services.catalogue import resource_of
from core.text import safe_text
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.dialogs.guide import Guide
from tui.console.form_values import SECRET_SET, defaults, given_values, shown_fields, typed_of
from tui.console.glyphs import BAD, GOOD, WARN
from tui.console.screens.base import DeskScreen
from tui.console.widgets.choice_line import ChoiceLine
from tui.console.widgets.form_field import FormField
from tui.console.widgets.reference_line import ReferenceLine


class FormScreen(DeskScreen):
    """Creates and edits; says what is wrong beside the field as one leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", tooltip="Save, and stay here", priority=True, id="form.save"),
        Binding("ctrl+f", "finish", "save and finish", tooltip="Save, and go back", priority=True, id="form.finish"),
        Binding(
            "ctrl+t", "test", "test", tooltip="Try the connection with what stands here", priority=True, id="form.test"
        ),
        Binding(
            "ctrl+g", "guide", "guide", tooltip="What is to be done for this choice", priority=True, id="form.guide"
        ),
        Binding("escape", "leave", "back", tooltip="Back, without saving", id="form.leave"),
        Binding("up", "app.focus_previous", "Up", show=False),
        Binding("down", "app.focus_next", "Down", show=False),
    ]

    def __init__(self, desk: Desk, kind: Kind, name: str | None = None) -> None:
        super().__init__(desk, f"{kind.name.capitalize()} {safe_text(name)}" if name else f"New {kind.name}")
        self.kind = kind
        self.name_now = name
        """The name it is saved under; none while it is new."""
        self._version: int | None = None
        self._saved = defaults(kind)
        self._touched: set[str] = set()
        self._passed: dict[str, str] = {}
        self._is_loaded = name is None
        self.fields = {
            one.name: FormField(one, self._saved[one.name], ascii_only=desk.ascii_only) for one in kind.fields
        }
        """The fields by name."""

    def compose_body(self) -> ComposeResult:
        """Sections of fields, then the buttons."""
        section = ""
        with VerticalScroll(classes="form", can_focus=False):
            for field in self.kind.fields:
                if field.section != section:
                    section = field.section
                    yield Static(section, markup=False, classes="section")
                yield self.fields[field.name]
            with Horizontal(classes="buttons"):
                if self._can_test:
                    yield Button("Test connection", id="test", compact=True)
                yield Button("Save", id="save", compact=True)
                yield Button("Save and finish", id="finish", compact=True, variant="primary")
                yield Button("Back", id="leave", compact=True)

    def on_mount(self) -> None:
        """Show the fields that count; ask for the values."""
        self._show_fields()
        self.fields[self.kind.fields[0].name].widget.focus()
        if self.name_now is not None:
            self._ask_values(self.name_now)

    @property
    def values(self) -> dict[str, Any]:
        """What stands here, as services are given it."""
        return given_values(self.kind, self._typed)

    @property
    def is_changed(self) -> bool:
        """Whether anything stands here that is not saved."""
        return self._is_loaded and self._typed != self._saved

    @property
    def _typed(self) -> dict[str, str]:
        return {name: field.typed for name, field in self.fields.items()}

    @property
    def _can_test(self) -> bool:
        return any(action.name == "test" for action in self.kind.actions)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Test only where there is a connection, a guide only where there is one."""
        has_it = {"test": self._can_test, "guide": self.kind.advise is not None}.get(action, True)
        return has_it and super().check_action(action, parameters)

    # -- values -----------------------------------------------------------------------------------------------------

    def _ask_values(self, name: str) -> None:
        verbs, desk = resource_of(self.kind), self.desk
        self.calls.ask(lambda: verbs.get(desk.handles, desk.actor, name), self._arrived)

    def _arrived(self, values: dict[str, Any]) -> None:
        self._version = values.get("version")
        for name, field in self.fields.items():
            field.typed = typed_of(field.field, values.get(name))
            if field.field.is_secret:
                field.tell_kept(is_kept=values.get(name) == SECRET_SET)
        self._saved = self._typed
        self._is_loaded = True
        self._show_fields()

    def _show_fields(self) -> None:
        values = self.values
        shown = shown_fields(self.kind, values)
        for name, field in self.fields.items():
            field.display = name in shown
            if field.field.needed_when is not None:
                field.tell_needed(is_needed=field.field.is_needed(values))
        self._say_warning(values)

    # -- checking ---------------------------------------------------------------------------------------------------

    def on_form_field_changed(self, message: FormField.Changed) -> None:
        """Other fields may count now; a complaint is looked at again."""
        self._show_fields()
        if message.field.is_wrong:
            self._check()

    def on_form_field_entered(self, message: FormField.Entered) -> None:
        """Say what the field is for."""
        field = message.field.field
        needed = "Needed. " if field.is_needed(self.values) else ""
        self.say(f"{field.label}: {needed}{field.help}" if field.help or needed else "")
        self._say_warning(self.values)

    def on_form_field_left(self, message: FormField.Left) -> None:
        """Check it, unless nobody has typed anything yet."""
        if isinstance(message, FormField.Entered) or not self._is_loaded:
            return
        name = message.field.field.name
        if message.field.typed != self._saved[name] or self.name_now is not None:
            self._touched.add(name)
            self._check()

    def _check(self) -> None:
        verbs, desk, given, name = resource_of(self.kind), self.desk, self.values, self.name_now
        self.calls.ask(lambda: verbs.check(desk.handles, given, name=name), self._checked, lane="check")

    def _checked(self, problems: Sequence[Problem]) -> None:
        texts = {problem.field: problem.text for problem in problems}
        for name, field in self.fields.items():
            if name in self._touched or field.is_wrong:
                field.complain(texts.get(name, ""))

    # -- advice -----------------------------------------------------------------------------------------------------

    def _say_warning(self, values: dict[str, Any]) -> None:
        """Why another choice would be better, while one stands on a choice."""
        advice = self.kind.advise(values) if self.kind.advise is not None else None
        if advice is not None and advice.warning and isinstance(self.focused, ChoiceLine):
            self.say(advice.warning, WARN)

    def action_guide(self) -> None:
        """What is to be done for the choice that stands here, step by step."""
        advice = self.kind.advise(self.values) if self.kind.advise is not None else None
        if advice is None:
            self.tell("This provider does not offer this method for mail; choose another.", BAD)
        else:
            self.app.push_screen(Guide(advice))

    # -- saving -----------------------------------------------------------------------------------------------------

    def action_save(self) -> None:
        """Save, and stay."""
        self._when_typed(lambda: self._save(self._stay))

    def action_finish(self) -> None:
        """Save, and go back."""
        self._when_typed(self._finish)

    def _finish(self) -> None:
        if not self.is_changed and self.name_now is not None:
            self.app.pop_screen()
        else:
            self._save(self._go_back)

    def _save(self, then: Callable[[str], None]) -> None:
        verbs, desk, given, version = resource_of(self.kind), self.desk, self.values, self._version
        before, name = self.name_now, str(given[self.kind.key]).strip()
        has_passed = self._typed == self._passed

        def work() -> str:
            if before is None:
                verbs.add(desk.handles, desk.actor, name, given)
            else:
                verbs.change(desk.handles, desk.actor, before, given, version=version)
            if has_passed:
                testing.remember(desk.handles, self.kind, name)
            return name

        self.calls.ask(work, then, lane="save", otherwise=self._refused)

    def _stay(self, name: str) -> None:
        self.name_now = name
        self._touched.clear()
        for field in self.fields.values():
            field.complain("")
            if field.field.is_secret:
                field.typed = ""
        self.header.rename(f"{self.kind.name.capitalize()} {name}")
        self._is_loaded = False
        self._ask_values(name)
        self.tell(f"Saved {name}.{' ctrl+t tests it.' if self._can_test else ''}", GOOD)

    def _go_back(self, name: str) -> None:
        self.app.pop_screen()
        self.console.show_saved(self.kind, name)

    def _refused(self, error: PostroomError) -> None:
        problems = error.problems if isinstance(error, BadInput) else ()
        texts = {problem.field: problem.text for problem in problems}
        for name, field in self.fields.items():
            field.complain(texts.get(name, ""))
        wrong = [field for name, field in self.fields.items() if name in texts]
        if not wrong:
            self.complain(error)
            return
        wrong[0].widget.focus()
        rest = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        self.tell(f"Not saved: {wrong[0].field.label} {texts[wrong[0].field.name]}{rest}", BAD)

    # -- leaving ----------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Back; ask first when something would be lost."""
        self.leave_then(self.app.pop_screen)

    def leave_then(self, go: Callable[[], Any]) -> None:
        """Go, once nothing would be lost by it or that is said to be fine."""
        if not self.is_changed:
            go()
            return
        text = "What you changed here is not saved.\n\nThrow it away?"
        self.app.push_screen(Confirm(Question(text, yes="Throw away", no="Stay here")), partial(self._left, go))

    def _left(self, go: Callable[[], Any], is_sure: bool | None) -> None:
        if is_sure:
            go()

    # -- beside -----------------------------------------------------------------------------------------------------

    def action_test(self) -> None:
        """Try the connection with what stands here, saved or not."""
        self._when_typed(self._test)

    def _test(self) -> None:
        typed = self._typed

        def tested(is_well: bool | None) -> None:
            self._passed = typed if is_well else {}

        self.console.orders.test(self.kind, self.values, self.name_now, tested)

    def _when_typed(self, then: Callable[[], None]) -> None:
        # These keys overtake letters that still wait in the field's own queue: let it have them first.
        if self.focused is None:
            then()
        else:
            self.focused.call_later(self.call_later, then)

    def on_reference_line_asked(self, message: ReferenceLine.Asked) -> None:
        """Open the list of names."""
        kind = kind_named(message.line.refers_to)

        def names() -> Sequence[Choice]:
            return [Choice(name, name) for name in self.desk.names(kind)]

        title = f"Choose a {kind.name}"
        self.app.push_screen(Choose(title, names, message.line.taken()), message.line.answered)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Buttons do what their keys do."""
        getattr(self, f"action_{event.button.id}")()
