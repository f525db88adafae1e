"""The one form screen: any kind, drawn from its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button

from core.errors import BadInput, ChangedMeanwhile, PostroomError, Problem
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.routing import FILTER
from core.services.configuration.catalogue import resource_of
from core.services.connection_tests import tested
from core.services.editing.writing import Saved
from core.text import safe_text
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.dialogs.untested import AskUntested, Untested
from tui.console.form_values import given_values
from tui.console.glyphs import BAD, GOOD, WARN
from tui.console.nouns import noun
from tui.console.rehearsing import show_tried
from tui.console.screens.base import DeskScreen
from tui.console.screens.tested import TestedScreen
from tui.console.widgets.form_field import FormField

if TYPE_CHECKING:
    from tui.console.screens.fields import Verbs


class FormScreen(TestedScreen):
    """Creates and edits; asks for a test before a connection is saved that none has passed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", tooltip="Save, and stay here", priority=True, id="form.save"),
        Binding("ctrl+f", "finish", "save and finish", tooltip="Save, and go back", priority=True, id="form.finish"),
        Binding(
            "ctrl+t", "test", "test", tooltip="Try the connection with what stands here", priority=True, id="form.test"
        ),
        Binding("ctrl+t", "try_out", "try", tooltip="What it would change for stored messages", priority=True),
        Binding(
            "ctrl+g", "guide", "guide", tooltip="What is to be done for this choice", priority=True, id="form.guide"
        ),
        Binding(
            "ctrl+o", "sign_in", "sign in", tooltip="Sign in with the profile chosen", priority=True, id="form.sign_in"
        ),
        Binding("escape", "leave", "back", tooltip="Back, without saving", id="form.leave"),
        Binding("q", "leave", "Back", tooltip="Back, without saving", show=False),
        Binding("f1", "app.help", "help", tooltip="What every key does here"),
        Binding("down,tab", "app.focus_next", "Down", tooltip="To the next field", show=False),
        Binding("up,shift+tab", "app.focus_previous", "Up", tooltip="To the field before", show=False),
        Binding("pagedown", "section(1)", "Next section", tooltip="To the next section", show=False, priority=True),
        Binding(
            "pageup", "section(-1)", "Previous section", tooltip="To the section before", show=False, priority=True
        ),
    ]

    def __init__(self, desk: Desk, kind: Kind, name: str | None = None, *, verbs: Verbs | None = None) -> None:
        title = self.title_of(kind, name) if name else f"New {noun(kind)}"
        super().__init__(desk, title, kind, verbs or resource_of(kind), name)
        self._waived: dict[str, str] = {}
        self._answered_once: set[str] = set()
        self._warnings: Sequence[str] = ()

    def title_of(self, kind: Kind, name: str) -> str:
        """What the header says."""
        return f"{noun(kind).capitalize()} {safe_text(name)}"

    def buttons(self) -> ComposeResult:
        """Test, save, back."""
        if self._can_test:
            yield Button("Test connection", id="test", compact=True)
        if self._can_try:
            yield Button("Try on stored mail", id="try_out", compact=True)
        yield Button("Save", id="save", compact=True)
        yield Button("Save and finish", id="finish", compact=True, variant="primary")
        yield Button("Back", id="leave", compact=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Test only where there is a connection, sign in where a profile is chosen."""
        can = {"test": self._can_test, "try_out": self._can_try, "sign_in": self._can_sign_in}
        return can.get(action, True) and super().check_action(action, parameters)

    # -- signing in -------------------------------------------------------------------------------------------------

    @property
    def _can_sign_in(self) -> bool:
        can = any(action.name == "sign in" for action in self.kind.actions) and self.desk.may("sign in", self.kind)
        return can and bool(self.fields["profile"].typed)

    def on_form_field_changed(self, message: FormField.Changed) -> None:
        """With a profile one can sign in, without one not."""
        if message.field.field.name == "profile":
            self.refresh_bindings()

    def action_sign_in(self) -> None:
        """Sign in for what is saved: that is what the tokens are kept for."""
        if self.name_now is None or self.is_changed:
            self.tell("Save it first (ctrl+s), then sign in.", BAD)
        else:
            self.console.orders.sign_in(self.kind, self.name_now)

    # -- saving -----------------------------------------------------------------------------------------------------

    def action_save(self) -> None:
        """Save, and stay."""
        self.when_typed(lambda: self._save(self._stay))

    def action_finish(self) -> None:
        """Save, and go back."""
        self.when_typed(self._finish)

    def _finish(self) -> None:
        if not self.is_changed and self.name_now is not None:
            self.app.pop_screen()
        else:
            self._save(self._go_back)

    def _save(self, then: Callable[[str], None]) -> None:
        if not self._is_loaded:
            self.tell("It is still being read.", WARN)  # what stands here are defaults
        elif questions := self._questions():
            text = safe_text("\n".join(questions) + "\n\nSave it so?", multiline=True)
            ask = Confirm(Question(text, yes="Save", no="Back"))
            self.app.push_screen(ask, lambda is_sure: self._look_and_save(then) if is_sure else None)
        else:
            self._look_and_save(then)

    def _questions(self) -> list[str]:
        """What is asked of fields that were switched on here."""
        values, saved = self.values, given_values(self.kind, self._saved)
        return [one.asks for one in self.kind.fields if one.asks and values.get(one.name) and not saved.get(one.name)]

    def _look_and_save(self, then: Callable[[str], None]) -> None:
        if not self._can_test or self._is_vouched_for:
            self._ask_once(lambda: self._write(then))
            return
        verbs, desk, kind, given, name = self.verbs, self.desk, self.kind, self.values, self.name_now

        def look() -> tuple[Sequence[Problem], bool]:
            return verbs.check(desk.handles, given, name=name), tested.is_untested(desk.handles, kind, given, name=name)

        self.calls.ask(look, partial(self._looked_at, then), lane="save", otherwise=self.refused)

    def _looked_at(self, then: Callable[[str], None], found: tuple[Sequence[Problem], bool]) -> None:
        problems, is_untested = found
        if problems:
            self.refused(BadInput(problems=tuple(problems)))
        elif is_untested:
            self._ask_once(lambda: self._ask_untested(then))
        else:
            self._ask_once(lambda: self._write(then))

    def _ask_untested(self, then: Callable[[str], None]) -> None:
        what = f"{self.kind.name.capitalize()} {self.values[self.kind.key]}"
        self.app.push_screen(AskUntested(what, self._step_stopped_at), partial(self._answered, then))

    def _ask_once(self, then: Callable[[], None]) -> None:
        """What a person should decide for each new one, where a default stands still; one question after another."""
        for field in self.kind.fields if self.name_now is None else ():
            is_default = self.fields[field.name].typed == self._saved[field.name]
            if field.asked is not None and is_default and field.name not in self._answered_once:
                answers = [Choice(value, value or "another", hint) for value, hint in field.asked.answers(self.values)]
                ask = Choose(field.asked.question, answers)
                self.app.push_screen(ask, partial(self._answered_one, field.name, then))
                return
        then()

    def _answered_one(self, name: str, then: Callable[[], None], value: str | None) -> None:
        if value is None:
            self.tell("Not saved.", WARN)
            return
        self._answered_once.add(name)
        if value:
            self.fields[name].typed = value
            self._ask_once(then)
        else:
            self.fields[name].widget.focus()
            self.tell("Not saved yet: type it here, then save.", WARN)

    def _answered(self, then: Callable[[str], None], answer: Untested | None) -> None:
        if answer is Untested.TEST:
            self._test(lambda: self._write(then))
        elif answer is Untested.SAVE:
            self._waived = self._login
            self._write(then)

    def _write(self, then: Callable[[str], None]) -> None:
        verbs, desk, given, version = self.verbs, self.desk, self.to_write, self._version
        before, name = self.name_now, str(given.get(self.kind.key, self.name_now)).strip()
        steps = self._steps_passed

        def work() -> str:
            if before is None:
                saved: Saved | bool = resource_of(self.kind).add(desk.handles, desk.actor, name, given)
            else:
                saved = verbs.change(desk.handles, desk.actor, before, given, version=version)
            warnings = saved.warnings if isinstance(saved, Saved) else ()  # settings have none
            self._warnings = (*warnings, *self._wishes(given, is_new=before is None))
            if steps:
                tested.remember(desk.handles, self.kind, name, steps)
            return name

        self.calls.ask(work, then, lane="write", otherwise=self._unwritten)

    @property
    def to_write(self) -> dict[str, Any]:
        """What a save gives to the services."""
        return self.values

    def _unwritten(self, error: PostroomError) -> None:
        name = self.name_now
        if isinstance(error, ChangedMeanwhile) and name is not None:
            verbs, desk = self.verbs, self.desk
            self.calls.ask(lambda: verbs.get(desk.handles, desk.actor, name), self.take_over, lane="save")
        else:
            self.refused(error)

    def _wishes(self, given: dict[str, Any], *, is_new: bool) -> list[str]:
        """What is asked for once, and never forced: why an account is here, somebody else will want to know."""
        is_wished = is_new and self.kind is ACCOUNT and not given.get("comment")
        return ["No comment says why it is here; e adds one."] if is_wished else []

    @property
    def _is_vouched_for(self) -> bool:
        """Whether what stands here has just passed its test, or somebody has said that it may be saved without."""
        return bool(self._steps_passed) or self._login.items() <= self._waived.items()

    def _stay(self, name: str) -> None:
        self.name_now = name
        self._touched.clear()
        for field in self.fields.values():
            field.complain("")
            if field.field.is_secret:
                field.typed = ""
        self.header.rename(self.title_of(self.kind, name))
        self._is_loaded = False
        self._ask_values(name)
        self.console.show_saved(self.kind, name)
        self.tell(*self._told(f"Saved {name}.{' ctrl+t tests it.' if self._can_test else ''}"))

    def _go_back(self, name: str) -> None:
        self.app.pop_screen()
        self.console.show_saved(self.kind, name)
        if self._warnings and isinstance(self.app.screen, DeskScreen):
            self.app.screen.tell(*self._told(f"Saved {name}."))

    def _told(self, text: str) -> tuple[str, str]:
        """What is said of a save: its warnings, where it has any."""
        return (f"{text} {' '.join(self._warnings)}", WARN) if self._warnings else (text, GOOD)

    # -- trying out -------------------------------------------------------------------------------------------------

    @property
    def _can_try(self) -> bool:
        return self.kind is FILTER and self.desk.may("try", self.kind)

    def action_try_out(self) -> None:
        """What the filter would change for stored messages, as it stands here."""
        self.when_typed(lambda: show_tried(self.app, self.desk, self.values, self.name_now))
