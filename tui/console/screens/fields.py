"""What all forms share: fields drawn from a description, checked as one leaves them, and nothing lost unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from core.errors import BadInput, PostroomError, Problem
from core.resources.catalogue import kind_named
from core.resources.kind import Field, FieldType, Kind
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.dialogs.guide import Guide
from tui.console.form_values import SECRET_SET, Merged, defaults, given_values, merged, shown_fields, typed_of
from tui.console.glyphs import BAD, WARN
from tui.console.screens.base import DeskScreen
from tui.console.sentences import going_on
from tui.console.widgets.choice_line import ChoiceLine
from tui.console.widgets.form_field import FormField
from tui.console.widgets.reference_line import ReferenceLine

if TYPE_CHECKING:
    from core.services.editing.verbs import Resource
    from core.services.setting_sections import Section

    Verbs = Resource | Section
    """What reads, checks and writes what stands in a form."""


class FieldsScreen(DeskScreen):
    """Fields in sections and buttons below; says what is wrong beside the field as one leaves it."""

    keeps_keys = True
    """Keys wait for the values, however long those take."""

    def __init__(self, desk: Desk, title: str, kind: Kind, verbs: Verbs, name: str | None) -> None:
        super().__init__(desk, title)
        self.kind = kind
        self.name_now = name
        """The name it is saved under; none while it is new."""
        self.verbs = verbs
        """What reads, checks and writes it."""
        self._version: int | None = None
        self._saved = defaults(kind)
        self._touched: set[str] = set()
        self._is_loaded = name is None
        self.fields = {one.name: FormField(one, self._saved[one.name]) for one in kind.fields}
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
                yield from self.buttons()

    def buttons(self) -> ComposeResult:
        """What stands below the fields."""
        yield Button("Back", id="leave", compact=True)

    def on_mount(self) -> None:
        """Show the fields that count; ask for the values."""
        self._show_fields()
        self.fields[self.kind.fields[0].name].widget.focus()
        if self.name_now is not None:
            self._ask_values(self.name_now)

    def takes_key(self, _: str) -> bool:
        """Whether the values are there: what was typed before would be lost under them."""
        return self._is_loaded

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A guide only where there is one."""
        return (action != "guide" or self.kind.advise is not None) and super().check_action(action, parameters)

    def on_resize(self) -> None:
        """What one types into stays in sight."""
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def action_section(self, step: int) -> None:
        """To the first field of the next section, or of the one before; after the last come the buttons."""
        starts: dict[str, FormField] = {}
        for field in self.fields.values():
            if field.display:
                starts.setdefault(field.field.section, field)
        sections = list(starts)
        here = self._section_here(sections)
        there = max(0, here + step)
        if there < len(sections):
            starts[sections[there]].widget.focus()
        else:
            self.query(".buttons Button").first().focus()

    def _section_here(self, sections: Sequence[str]) -> int:
        for field in self.fields.values():
            if field.has_focus_within:
                return sections.index(field.field.section)
        return len(sections)

    # -- values -----------------------------------------------------------------------------------------------------

    def _ask_values(self, name: str) -> None:
        verbs, desk = self.verbs, self.desk
        self.calls.ask(lambda: verbs.get(desk.handles, desk.actor, name), self._arrived, otherwise=self._unread)

    def _unread(self, error: PostroomError) -> None:
        """It cannot be read: nothing stands here that could be changed."""
        self.app.pop_screen()
        self.console.complain(error)

    def _arrived(self, values: dict[str, Any]) -> None:
        self._version = values.get("version")
        for name, field in self.fields.items():
            field.typed = typed_of(field.field, values.get(name))
            if field.field.is_secret:
                field.tell_kept(is_kept=values.get(name) == SECRET_SET)
        self._saved = self._typed
        self._is_loaded = True
        self._show_fields()

    def take_over(self, values: dict[str, Any]) -> None:
        """Somebody else changed it while it was open here: show their values where nothing was typed, and say so."""
        now = {name: typed_of(field.field, values.get(name)) for name, field in self.fields.items()}
        found = merged(self._saved, self._typed, now)
        self._version, self._saved = values.get("version"), now
        for name, field in self.fields.items():
            field.typed = found.typed[name]
        self._show_fields()
        self.tell(f"Not saved: somebody else did meanwhile. {self._told_merged(found)}Look, then save again.", WARN)

    def _told_merged(self, found: Merged) -> str:
        labels = {name: field.field.label for name, field in self.fields.items()}
        theirs = ", ".join(label for name, label in labels.items() if name in found.theirs)
        disputed = ", ".join(
            f"{labels[name]} ({self._saved[name] or 'empty'})" for name in labels if name in found.disputed
        )
        said = f"{theirs} stands here as they have it. " if theirs else ""
        return said + (f"What you typed is kept over their {disputed}. " if disputed else "What you typed is kept. ")

    def _show_fields(self) -> None:
        values = self.values
        shown = shown_fields(self.kind, values)
        for name, field in self.fields.items():
            field.display = name in shown
            if field.field.needed_when is not None:
                field.tell_needed(is_needed=field.field.is_needed(values))

    # -- checking ---------------------------------------------------------------------------------------------------

    def on_form_field_changed(self, message: FormField.Changed) -> None:
        """Other fields may count now; a complaint is looked at again."""
        self._show_fields()
        if isinstance(message.field.widget, ChoiceLine) and self.kind.advise is not None:
            self._say_help(message.field.field)
        if message.field.is_wrong:
            self._check()

    def on_form_field_entered(self, message: FormField.Entered) -> None:
        """Say what the field is for."""
        self._say_help(message.field.field)

    def on_form_field_left(self, message: FormField.Left) -> None:
        """Check it, unless nobody has typed anything yet."""
        if isinstance(message, FormField.Entered) or not self._is_loaded:
            return
        name = message.field.field.name
        if message.field.typed != self._saved[name] or self.name_now is not None:
            self._touched.add(name)
            self._check()

    def _check(self) -> None:
        verbs, desk, given, name = self.verbs, self.desk, self.values, self.name_now
        self.calls.ask(lambda: verbs.check(desk.handles, given, name=name), self._checked, lane="check")

    def complaints(self, problems: Sequence[Problem]) -> dict[str, str]:
        """What is wrong with what stands here, by field."""
        return {problem.field: problem.text for problem in problems}

    def _checked(self, problems: Sequence[Problem]) -> None:
        texts = self.complaints(problems)
        for name, field in self.fields.items():
            if name in self._touched or field.is_wrong:
                field.complain(texts.get(name, ""))

    # -- advice -----------------------------------------------------------------------------------------------------

    def _say_help(self, field: Field) -> None:
        """What the field is for; of a choice, why another would be better."""
        values = self.values
        advice = self.kind.advise(values) if self.kind.advise is not None else None
        if advice is not None and advice.warning and field.type is FieldType.CHOICE:
            self.say(advice.warning, WARN)
            return
        needed = "Needed. " if field.is_needed(values) else ""
        self.say(f"{field.label}: {needed}{field.help}" if field.help or needed else "")

    def action_guide(self) -> None:
        """What is to be done for the choice that stands here, step by step."""
        advice = self.kind.advise(self.values) if self.kind.advise is not None else None
        if advice is not None:
            self.app.push_screen(Guide(advice))

    def refused(self, error: PostroomError, what: str = "Not saved") -> None:
        """Show what is wrong beside each field, and go to the first."""
        problems = error.problems if isinstance(error, BadInput) else ()
        texts = {problem.field: problem.text for problem in problems}
        for name, field in self.fields.items():
            field.complain(texts.get(name, ""))
        wrong = [field for name, field in self.fields.items() if name in texts]
        if not wrong:
            self.complain(error)
            return
        wrong[0].widget.focus()
        rest = f" {len(wrong) - 1} more below." if len(wrong) > 1 else ""
        first = going_on(texts[wrong[0].field.name].rstrip("."))
        self.tell(f"{what}: {wrong[0].field.label} {first}.{rest}", BAD)

    # -- leaving ----------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Back; ask first when something would be lost."""
        self.leave_then(self.app.pop_screen)

    def leave_then(self, go: Callable[[], object]) -> None:
        """Go, once nothing would be lost by it or that is said to be fine."""
        if not self.is_changed:
            go()
            return
        if self.calls.is_asked("write"):
            # What a thread has begun goes on without this screen.
            text = "This is being saved, and will be once the database answers.\n\nLeave without waiting for it?"
            ask = Question(text, yes="Leave", no="Wait here", is_grave=False)
        else:
            text = "What you changed here is not saved.\n\nThrow it away?"
            ask = Question(text, yes="Throw away", no="Stay here")
        self.app.push_screen(Confirm(ask), partial(self._left, go))

    def _left(self, go: Callable[[], object], is_sure: bool | None) -> None:
        if is_sure:
            go()

    # -- beside -----------------------------------------------------------------------------------------------------

    def when_typed(self, then: Callable[[], None]) -> None:
        """Do something once all that was typed before stands in its field."""
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
