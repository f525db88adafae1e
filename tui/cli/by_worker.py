"""Fetching and delivering for a user who may not read the key: asked of a worker, and followed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.errors import PostroomError, WorkerNeeded
from core.handles import Handles
from core.outbound.summary import Summary
from core.runlog import Listener
from core.services import requests
from core.services.actor import Actor
from core.workers.asked import Patience, follow_asked, newest_run
from core.workers.delivered import read_summary
from core.workers.fetcher import FetchSummary, chosen

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
    patience = Patience(stop, lambda: _go_on(handles, asked, "fetches"))
    return follow_asked(handles, accounts, since, patience, listener)


def deliver(handles: Handles, actor: Actor, stop: threading.Event) -> Summary:
    """Have a worker send what is due, and wait for it.

    Raises:
        WorkerNeeded: no worker is running.
    """
    requests.require_worker(handles, "Delivering")
    asked = [requests.ask(handles, actor, "deliver", "outbox:")]
    while not stop.is_set():
        progress = requests.follow(handles, asked[0])
        if progress.is_over:
            return read_summary(str(progress.events[-1]["detail"]))
        _go_on(handles, asked, "delivers")
        stop.wait(LOOK)
    return Summary()


def _go_on(handles: Handles, asked: Sequence[int], does: str) -> None:
    for order in asked:
        progress = requests.follow(handles, order)
        for event in progress.events:
            if not event["ok"]:
                raise PostroomError(str(event["detail"]))
    if not requests.any_worker_alive(handles):
        raise WorkerNeeded(f"The worker that {does} is gone; what was asked for is done when one is running again.")
