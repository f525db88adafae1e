"""Following a run that another worker makes, on any machine, as it is written."""

from __future__ import annotations

import threading

from sqlalchemy import select

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.due import holder_of
from core.inbound.run.closing import RunOutcome
from core.models import Account, AccountStatus, Run, RunState
from core.runlog import Counts, Listener, lines_after

LOOK = 0.2
"""Seconds between two looks."""

_run, _status = table_of(Run), table_of(AccountStatus)


def follow_run(
    handles: Handles, account: Account, run_id: int, stop: threading.Event, listener: Listener | None
) -> RunOutcome | None:
    """Tell the lines of one run until it ends; `None` if its worker died."""
    assert account.id is not None
    seen = 0
    while True:
        # In this order: of a run that had ended by then, no line comes later than these.
        outcome = _outcome(handles, run_id, account.name)
        with handles.database.reading() as session:
            lines = lines_after(session, run_id, account.name, seen)
        for line in lines:
            seen = line.seq
            if listener is not None:
                listener(line)
        if outcome.state is not RunState.RUNNING and not lines:
            return None if outcome.state is RunState.ABORTED else outcome
        if _is_abandoned(handles, account.id):
            return None
        if stop.is_set():
            return outcome
        stop.wait(LOOK)


def _outcome(handles: Handles, run_id: int, account: str) -> RunOutcome:
    with handles.database.reading() as session:
        row = session.connection().execute(select(_run).where(_run.c.id == run_id)).one()
    counts = Counts(**{name: getattr(row, name) for name in Counts().as_dict()})
    return RunOutcome(run_id, account, RunState(row.state), counts, row.error, row.fault)


def _is_abandoned(handles: Handles, account_id: int) -> bool:
    with handles.database.reading() as session:
        free = leases.is_free(session, AccountStatus, clock.utcnow())
        statement = select(_status.c.account_id).where(_status.c.account_id == account_id, free)
        is_free = session.connection().execute(statement).scalar_one_or_none() is not None
    return is_free and holder_of(handles, account_id) is not None
