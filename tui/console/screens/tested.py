"""Forms of what has a connection: it is tried with what stands there, saved or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.errors import BadInput, Problem
from core.resources.kind import Kind
from core.services.connection_tests import tested
from tui.console.desk import Desk
from tui.console.glyphs import BAD
from tui.console.mended_in import field_for
from tui.console.screens.fields import FieldsScreen

if TYPE_CHECKING:
    from core.protocols.probe import Step
    from tui.console.screens.fields import Verbs

Login = dict[str, str]
"""What a test vouches for, as it was typed."""


class TestedScreen(FieldsScreen):
    """Tries the connection; knows for which login that went well, and which field mends what it stopped at."""

    def __init__(self, desk: Desk, title: str, kind: Kind, verbs: Verbs, name: str | None) -> None:
        super().__init__(desk, title, kind, verbs, name)
        self._passed: tuple[Login | None, Sequence[Step]] = (None, ())
        self._stopped: tuple[Login | None, str, str] = (None, "", "")
        self._stopped_at: tuple[Login | None, str] = (None, "")

    @property
    def _can_test(self) -> bool:
        return any(action.name == "test" for action in self.kind.actions)

    @property
    def _login(self) -> Login:
        """What a test would vouch for; a secret that nobody typed is the one that is kept."""
        logins = tested.LOGINS.get(self.kind.name, ())
        return {name: self.fields[name].typed for name in logins if self.fields[name].typed}

    @property
    def _steps_passed(self) -> Sequence[Step]:
        """The steps of the test that what stands here has just passed; none when it has passed none."""
        return self._passed[1] if self._login == self._passed[0] else ()

    @property
    def _step_stopped_at(self) -> str:
        """The step at which the test of what stands here has just stopped; empty when none has."""
        return self._stopped_at[1] if self._login == self._stopped_at[0] else ""

    def action_test(self) -> None:
        """Try the connection with what stands here, saved or not."""
        self.when_typed(self._look_and_test)

    def _look_and_test(self) -> None:
        """What is wrong with the login stands beside its fields; the rest matters only when it is saved."""
        verbs, desk, given, name = self.verbs, self.desk, self.values, self.name_now

        def looked_at(problems: Sequence[Problem]) -> None:
            wrong = tuple(one for one in problems if one.field in tested.LOGINS[self.kind.name])
            if wrong:
                self.refused(BadInput(problems=wrong), "Not tested")
            else:
                self._test()

        self.calls.ask(lambda: verbs.check(desk.handles, given, name=name), looked_at, lane="test")

    def _test(self, then: Callable[[], None] = lambda: None) -> None:
        login = self._login

        def told(steps: Sequence[Step] | None) -> None:
            wrong = next((step for step in steps or () if not step.ok), None)
            self._passed = (login, steps) if steps and wrong is None else (None, ())
            self._stopped = (None, "", "")
            self._stopped_at = (login, wrong.step) if wrong is not None else (None, "")
            if wrong is not None:
                self._point_at(wrong)
            elif steps:
                then()

        self.console.orders.test(self.kind, self.values, self.name_now, told)

    def complaints(self, problems: Sequence[Problem]) -> dict[str, str]:
        """What a test stopped at is wrong until something of the login is changed."""
        login, name, said = self._stopped
        stopped = {name: said} if login is not None and login == self._login else {}
        return stopped | super().complaints(problems)

    def _point_at(self, wrong: Step) -> None:
        """Go to the field that mends what the test stopped at, and keep the reason in sight there."""
        name = field_for(wrong.cause, [one for one, field in self.fields.items() if field.display])
        if not name:
            self.tell(f"The test stopped at {wrong.step}. ctrl+t tries again.", BAD)
            return
        self._stopped = (self._login, name, wrong.detail)
        self.fields[name].complain(wrong.detail)
        self.fields[name].widget.focus()
        self.tell(f"The test stopped at {wrong.step}: see {self.fields[name].field.label}. ctrl+t tries again.", BAD)
