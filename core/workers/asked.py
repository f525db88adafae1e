"""Following what other workers do by order of this process, which may not read the key itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.run.closing import RunOutcome
from core.models import Account, Run, RunState
from core.runlog import Counts, Listener
from core.workers.fetch_now import FetchSummary
from core.workers.following import LOOK, follow_run

_run = table_of(Run)


def newest_run(handles: Handles) -> int:
    """The id of the newest run: what is asked for now has a later one, or runs already."""
    with handles.database.reading() as session:
        return int(session.connection().execute(select(func.coalesce(func.max(_run.c.id), 0))).scalar_one())


@dataclass(frozen=True)
class Patience:
    """How long somebody follows what they asked for."""

    stop: threading.Event
    """Ends the following, not the runs."""
    go_on: Callable[[], None]
    """Is called while nothing has begun yet; raises when nothing will."""


def follow_asked(
    handles: Handles, accounts: Sequence[Account], since: int, patience: Patience, listener: Listener | None
) -> FetchSummary:
    """Follow the runs that come of an order to fetch these accounts, one account after the other.

    Args:
        handles: what this process holds open.
        accounts: what was asked for.
        since: the newest run before it was.
        patience: how long.
        listener: is told each line.
    """
    started = clock.monotonic()
    summary = FetchSummary(accounts=len(accounts))
    for account in accounts:
        outcome = _followed(handles, account, since, patience, listener)
        summary.outcomes.append(outcome)
        summary.counts += outcome.counts
    summary.seconds = clock.monotonic() - started
    return summary


def _followed(
    handles: Handles, account: Account, since: int, patience: Patience, listener: Listener | None
) -> RunOutcome:
    while not patience.stop.is_set():
        run_id = _run_of(handles, account, since)
        if run_id is None:
            patience.go_on()
            patience.stop.wait(LOOK)
            continue
        outcome = follow_run(handles, account, run_id, patience.stop, listener)
        if outcome is not None:
            return outcome
        since = run_id  # its worker died: another one takes the account over
    return RunOutcome(0, account.name, RunState.STOPPED, Counts())


def _run_of(handles: Handles, account: Account, since: int) -> int | None:
    begun = (_run.c.id > since) | (_run.c.state == RunState.RUNNING.value)
    wanted = select(func.max(_run.c.id)).where(_run.c.account_id == account.id, begun)
    with handles.database.reading() as session:
        return session.connection().execute(wanted).scalar()
