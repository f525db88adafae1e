"""What people ask for from any screen: fetch now, send now, test, copy."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App

from core import clock
from core.resources.catalogue import kind_named
from core.resources.kind import Kind
from core.services import requests
from core.text import safe_text
from tui.console.calls import Calls
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.dialogs.steps import Steps
from tui.console.glyphs import BAD, GOOD, WARN
from tui.console.nouns import many
from tui.console.worker_process import start_worker

if TYPE_CHECKING:
    from core.oauth.waiting import SignedIn
    from core.protocols.probe import Step

ALL_VALID = "validity:valid -validity:invalid -status:paused"
"""The filter of the accounts that are fetched by themselves."""

MOST_AT_ONCE = 1000
"""Accounts fetched by one key."""

PATIENCE = 10.0
"""Seconds in which a worker's refusal is still told as the answer to a key."""

_NO_WORKER = "No worker is running, on any machine: nobody is there to do it.\n\nStart one here, in the background?"


class _Workers(Enum):
    """Whether there is anybody to carry out orders."""

    ALIVE = "alive"
    TO_START = "to start"
    """None is, and one can be started from here."""
    NOT_OURS = "not ours"
    """None is, and a worker needs the key, which we may not read."""


class Orders:
    """What is asked of workers and servers, from wherever one is."""

    def __init__(self, app: App[Any], desk: Desk, calls: Calls, tell: Callable[..., None]) -> None:
        self._app = app
        self._desk = desk
        self._calls = calls
        self._tell = tell

    def fetch_now(self, names: list[str]) -> None:
        """Ask the workers to fetch accounts now; with no names, all that are valid."""
        desk = self._desk

        def subjects() -> list[str]:
            return [f"account:{name}" for name in names or desk.names(kind_named("account"), ALL_VALID, MOST_AT_ONCE)]

        what = "all valid accounts" if not names else names[0] if len(names) == 1 else many(len(names), "account")
        self._order("fetch", subjects, f"Fetching {what} now. 2 shows it live.")

    def deliver_now(self) -> None:
        """Ask the workers to send what is due."""
        self._order("deliver", lambda: ["outbox:"], "Sending what is due.")

    def _order(self, verb: str, subjects: Callable[[], list[str]], said: str) -> None:
        desk = self._desk

        def work() -> tuple[list[int], _Workers]:
            asked = [requests.ask(desk.handles, desk.actor, verb, subject) for subject in subjects()]
            if requests.any_worker_alive(desk.handles):
                return asked, _Workers.ALIVE
            return asked, _Workers.TO_START if desk.handles.vault.can_open() else _Workers.NOT_OURS

        self._calls.ask(work, partial(self._ordered, said))

    def _ordered(self, said: str, outcome: tuple[list[int], _Workers]) -> None:
        asked, workers = outcome
        if not asked:
            self._tell("There is nothing to do.", WARN)
        elif workers is _Workers.NOT_OURS:
            self._tell("No worker is running, and only the service's user may start one: postroom --worker", BAD)
        elif workers is _Workers.ALIVE:
            self._tell(said)
            self._calls.ask(partial(_refusals, self._desk, asked), self._refused)
        else:
            question = Question(_NO_WORKER, yes="Start a worker", no="Not now", is_grave=False)
            self._app.push_screen(Confirm(question), partial(self._start_worker, said))

    def _refused(self, refusals: list[str]) -> None:
        if refusals:
            self._tell(" ".join(refusals[:3]), BAD)

    def _start_worker(self, said: str, is_wanted: bool | None) -> None:
        if is_wanted:
            environment = self._desk.handles.environment
            self._calls.ask(lambda: f"{start_worker(environment)} {said}", self._tell)

    def test(
        self,
        kind: Kind,
        tested: str | Mapping[str, Any],
        name: str | None = None,
        then: Callable[[Sequence[Step] | None], None] | None = None,
    ) -> None:
        """Try a connection, saved under a name or as it stands in a form; `then` is given the steps it took."""
        if isinstance(tested, str):
            then = then or partial(self._tested, tested)
        title = f"Test {kind.name} {name or (tested if isinstance(tested, str) else tested.get(kind.key) or '')}"
        steps = partial(_steps, self._desk, kind, tested, name)
        self._app.push_screen(Steps(title, steps), then)

    def _tested(self, name: str, steps: Sequence[Step] | None) -> None:
        wrong = next((step for step in steps or () if not step.ok), None)
        if wrong is not None:
            self._tell(f"{name}: the test stopped at {wrong.step}. e edits it, t tries again. {wrong.detail}", BAD)

    def sign_in(self, kind: Kind, name: str, then: Callable[[], None] = lambda: None) -> None:
        """Sign in with OAuth2 for an account or a mailbox; `then` is called once somebody has."""
        from tui.console.dialogs.sign_in import SignInDialog
        from tui.console.signing_in import begun

        def closed(done: SignedIn | None) -> None:
            if done is not None:
                whom = f" as {done.as_whom}" if done.as_whom else ""
                self._tell(f"Signed in{whom} for {done.kind} {done.name}.", GOOD)
                then()

        steps = begun(self._desk, kind.name, name)
        title = f"Sign in for {kind.name} {name}"
        self._app.push_screen(SignInDialog(title, steps), closed)

    def route(self, sender: str) -> None:
        """Ask which mailbox would send a message now."""
        from tui.console.dialogs.route import RouteDialog, simulated

        self._app.push_screen(RouteDialog(partial(simulated, self._desk), sender))

    def round_trip(self, mailbox: str) -> None:
        """Ask for an account, then send a probe from the mailbox to it."""
        account = kind_named("account")

        def chosen(name: str | None) -> None:
            if name is not None:
                steps = partial(_round_trip, self._desk, mailbox, name)
                title = f"Round trip from {mailbox} to {name}"
                self._app.push_screen(Steps(title, steps))

        names = partial(_choices, self._desk, account)
        self._app.push_screen(Choose("Into which account? A probe is sent to its address.", names), chosen)

    def choose_queue(self, then: Callable[[str], None]) -> None:
        """Ask for a queue."""
        queue = kind_named("queue")

        def chosen(name: str | None) -> None:
            if name is not None:
                then(name)

        self._app.push_screen(
            Choose("Into which queue?", lambda: [Choice(one, one) for one in self._desk.names(queue)]), chosen
        )

    def offer_demo(self, show: Callable[[], object]) -> None:
        """Offer the demo world to somebody who has no account yet."""
        text = (
            "There are no accounts yet.\n\nSee Postroom at work first? The demo starts mail servers of its own on this "
            "machine, with sample mail, in a folder of its own. Nothing of yours is touched."
        )

        def chosen(is_wanted: bool | None) -> None:
            if is_wanted:
                self._calls.ask(show, lambda _: None)

        self._app.push_screen(Confirm(Question(text, yes="Show the demo", no="Begin empty", is_grave=False)), chosen)

    def copy(self, text: str) -> None:
        """Copy a text, also over SSH and within tmux."""
        shown = safe_text(text)
        self._app.copy_to_clipboard(shown)
        self._calls.ask(lambda: _copy_in_tmux(shown), lambda _: None, lane="copy")
        self._tell(f"Copied {shown}")


def _refusals(desk: Desk, asked: list[int]) -> list[str]:
    """What workers said of the orders they could not carry out, as far as they say so soon."""
    deadline = clock.Deadline(PATIENCE)
    told: list[str] = []
    while asked and not deadline.is_over():
        time.sleep(0.2)
        progress = [(one, requests.follow(desk.handles, one)) for one in asked]
        told += [str(event["detail"]) for _, how in progress for event in how.events if how.is_over and not event["ok"]]
        asked = [one for one, how in progress if not how.is_over]
    return told


def _steps(desk: Desk, kind: Kind, tested: str | Mapping[str, Any], name: str | None) -> Iterator[Step]:
    from core.services.connection_tests import test_orders

    return test_orders.steps(desk.handles, desk.actor, kind, tested, name=name)


def _round_trip(desk: Desk, mailbox: str, account: str) -> Iterator[Step]:
    from core.services.connection_tests.roundtrip import WITHIN
    from core.services.connection_tests.test_orders import round_trip

    return round_trip(desk.handles, desk.actor, mailbox, account, within=WITHIN)


def _choices(desk: Desk, kind: Kind) -> list[Choice]:
    return [Choice(name, name) for name in desk.names(kind)]


def _copy_in_tmux(text: str) -> None:
    # A default tmux swallows OSC 52; its own buffer hands it on to the terminal around it.
    if os.environ.get("TMUX"):
        subprocess.run(
            ["tmux", "load-buffer", "-w", "-"], input=text.encode(), check=False, capture_output=True, timeout=5
        )
