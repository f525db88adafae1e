"""Intake by hand from the console: what would become of the messages of a file, and taking them in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from core.errors import NoInput, PostroomError
from core.inbound.explain import Outcome
from core.inbound.handed_in import HandedIn
from core.models import RunState
from core.resources.catalogue import kind_named
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.screens.base import DeskScreen

LOOKED_AT = 50
"""Messages of a file that are told of; the command line tells of all."""

Plan = Sequence[tuple[str, str]]
"""Lines and their styles."""


def take_in(screen: DeskScreen, then: Callable[[str], None]) -> None:
    """Ask by whose rules, then for the file; `then` is given what to say once something was taken in."""
    from tui.console.dialogs.intake import IntakeDialog

    desk, account = screen.desk, kind_named("account")

    def done(said: str | None) -> None:
        if said is not None:
            then(said)

    def chosen(name: str | None) -> None:
        if name is not None:
            screen.app.push_screen(IntakeDialog(desk, name), done)

    names = Choose("By the rules of which account?", lambda: [Choice(one, one) for one in desk.names(account)])
    screen.app.push_screen(names, chosen)


def planned(desk: Desk, account: str, file: str) -> Plan:
    """What would become of the first messages of a file, each with the reason that decides.

    Raises:
        NoInput: it cannot be read, or holds no message.
    """
    from core.services.intake import foreseen

    found = list(islice(foreseen(desk.handles, desk.actor, account, [_file(file)]), LOOKED_AT + 1))
    if not found:
        raise NoInput(f"{file} is empty: there is no message in it.")
    lines: list[tuple[str, str]] = []
    for one in found[:LOOKED_AT]:
        lines += [(f"{one.name}  {one.subject or '(no subject)'}", ""), (f"   {one.told}", "$text-primary")]
        if len(found) == 1 and not one.is_here:
            lines += _why(one.outcome)
    if len(found) > LOOKED_AT:
        rest = f"… and more; all of them: postroom intake --dry-run {file} --account {account}"
        lines.append((rest, "$foreground-muted"))
    return lines


def _why(outcome: Outcome) -> Plan:
    steps = [f"   {step.stage}: {f'{step.rule} – ' if step.rule else ''}{step.why}" for step in outcome.trail]
    told = [f"   {one.what} {one.value}: {one.text}" for one in outcome.complaints]
    return [*((step, "$foreground-muted") for step in steps), *((text, "$text-warning") for text in told)]


def taken_in(desk: Desk, account: str, file: str, stop: threading.Event) -> str:
    """Take a file in, and say what came of it.

    Raises:
        PostroomError: the run failed; what was taken in before stays.
    """
    from core.services.intake import take_in

    outcome = take_in(desk.handles, desk.actor, account, [_file(file)], stop=stop)
    counts = {name.replace("_", " "): count for name, count in outcome.counts.as_dict().items() if count}
    said = f"Run {outcome.run_id}: {', '.join(f'{name} {count}' for name, count in counts.items()) or 'nothing'}."
    if outcome.error:
        raise PostroomError(f"{said} {outcome.error}")
    return f"{said} Stopped; the same file takes in the rest." if outcome.state is RunState.STOPPED else said


def _file(name: str) -> HandedIn:
    path = Path(name).expanduser()
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise NoInput(f"{name} cannot be read: {error.strerror}.") from error
    return HandedIn(path.name, lambda: path.open("rb"))
