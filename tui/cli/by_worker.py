"""Fetching, dry runs and delivering for a user who may not read the key: asked of a worker, and followed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from core.errors import PostroomError, WorkerNeeded
from core.handles import Handles
from core.inbound.run.closing import RunOutcome
from core.inbound.run.rehearse import Rehearsed
from core.outbound.sending.summary import Summary
from core.protocols.told_step import error_named
from core.runlog import Listener
from core.services import requests
from core.services.actor import Actor
from core.workers.asked import Patience, follow_asked, newest_run
from core.workers.chosen import chosen
from core.workers.delivered import read_summary
from core.workers.fetch_now import FetchSummary
from core.workers.rehearsed import KIND, read_plan

LOOK = 0.2
"""Seconds between two looks."""


def fetch(
    handles: Handles, actor: Actor, names: Sequence[str], stop: threading.Event, listener: Listener | None
) -> FetchSummary:
    """Have a worker fetch these accounts, or all valid ones, and tell what it does.

    Raises:
        WorkerNeeded: no worker is running.
    """
    accounts = chosen(handles, names or None)
    requests.require_worker(handles, f"Fetching {', '.join(names) or 'all accounts'}")
    since = newest_run(handles)
    asked = [requests.ask(handles, actor, "fetch", f"account:{name}") for name in names or ["*"]]
    patience = Patience(stop, lambda: _go_on(handles, asked))
    return follow_asked(handles, accounts, since, patience, listener)


def rehearse(handles: Handles, actor: Actor, names: Sequence[str]) -> Iterator[Rehearsed | RunOutcome]:
    """Have a worker say what fetching these accounts, or all valid ones, would take in.

    Raises:
        WorkerNeeded: no worker is running, or no longer.
        NotFound: there is no account of a name.
        InvalidAccount: a named account is invalid.
    """
    chosen(handles, names or None)
    requests.require_worker(handles, "A dry run")
    asked = [requests.ask(handles, actor, KIND, f"account:{name}") for name in names or ["*"]]
    for order in asked:
        yield from _plans(handles, order)


def _plans(handles: Handles, order: int) -> Iterator[Rehearsed | RunOutcome]:
    seen, is_over = 0, False
    while not is_over:
        progress = requests.follow(handles, order, seen)
        is_over = progress.is_over
        for event in progress.events:
            seen = event["seq"]
            if not event["ok"]:
                failure, _, text = str(event["detail"]).partition(": ")
                raise error_named(failure, text)
            yield read_plan(event["detail"])
        if not is_over:
            time.sleep(LOOK)


def deliver(handles: Handles, actor: Actor, stop: threading.Event) -> Summary:
    """Have a worker send what is due, and wait for it.

    Raises:
        WorkerNeeded: no worker is running, or no longer.
    """
    requests.require_worker(handles, "Delivering")
    asked = requests.ask(handles, actor, "deliver", "outbox:")
    while not stop.is_set():
        progress = requests.follow(handles, asked)
        if progress.is_over:
            told = progress.events[-1]
            if not told["ok"]:
                raise PostroomError(str(told["detail"]))
            return read_summary(str(told["detail"]))
        stop.wait(LOOK)
    return Summary()


def _go_on(handles: Handles, asked: Sequence[int]) -> None:
    for order in asked:
        progress = requests.follow(handles, order)
        for event in progress.events:
            if not event["ok"]:
                raise PostroomError(str(event["detail"]))
    if not requests.any_worker_alive(handles):
        raise WorkerNeeded("The worker that fetches is gone; what was asked for is done when one is running again.")
