"""Runs: what is being fetched now, and the lines of any run as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, and_, or_, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import AccountStatus, Run, RunEvent, RunState
from core.resources.expressions import account_of_run, status_of
from core.services import access
from core.services.actor import Actor

AT_ONCE = 2000
"""Lines given at once; whoever is further behind is given the newest, for the others are in the runs."""

_AT_START = 20
"""Runs whose lines a reader is shown that has seen none."""

_run, _event = table_of(Run), table_of(RunEvent)
_account = account_of_run(_run.c).label("account")
_LEASE = status_of(AccountStatus, "lease_until", "account_id", _run.c.account_id).label("lease_until")
_SHOWN = [_account if column.name == "account" else column for column in _run.c]


def running(handles: Handles, actor: Actor, *, at_most: int = 1000) -> list[dict[str, Any]]:
    """The runs at work, on any machine, the oldest first; each with `lease_until`.

    A run whose lease is over has lost its worker: it stands still until another one takes its account up again.
    """
    access.require(actor, access.SEE, "run")
    at_work = select(*_SHOWN, _LEASE).where(_run.c.state == RunState.RUNNING.value).order_by(_run.c.id).limit(at_most)
    with handles.database.reading() as session:
        return [dict(row) for row in session.connection().execute(at_work).mappings()]


def recent(handles: Handles, actor: Actor, *, at_most: int = 100) -> list[dict[str, Any]]:
    """The newest runs, whatever their state."""
    access.require(actor, access.SEE, "run")
    newest = select(*_SHOWN).order_by(_run.c.id.desc()).limit(at_most)
    with handles.database.reading() as session:
        return [dict(row) for row in session.connection().execute(newest).mappings()]


def tail(handles: Handles, actor: Actor, seen: Mapping[int, int], *, at_most: int = AT_ONCE) -> list[dict[str, Any]]:
    """The newest lines beyond those that were seen, with their account and host, in order of time.

    Args:
        handles: what this process holds open.
        actor: who looks.
        seen: the last number seen of each run; runs that are new since are found by themselves.
        at_most: the most lines; what is older was written faster than it can be read.
    """
    access.require(actor, access.SEE, "event")
    newest_seen = max(seen, default=0)
    moved = select(_run.c.id, _account, _run.c.host, _run.c.last_seq)
    moved = moved.where(or_(_run.c.state == RunState.RUNNING.value, _run.c.id.in_(list(seen)), _run.c.id > newest_seen))
    with handles.database.reading() as session:
        newest_first = moved.order_by(_run.c.id.desc()).limit(AT_ONCE if seen else _AT_START)
        runs = session.connection().execute(newest_first).all()
        since = {row.id: max(seen.get(row.id, 0), row.last_seq - at_most) for row in runs}
        behind = {row.id: row for row in runs if row.last_seq > since[row.id]}
        if not behind:
            return []
        beyond = or_(*(and_(_event.c.run_id == run, _event.c.seq > since[run]) for run in behind))
        newest = (_event.c.at.desc(), _event.c.run_id.desc(), _event.c.seq.desc())
        lines = select(_event).where(beyond).order_by(*newest).limit(at_most)
        found = session.connection().execute(lines).mappings().all()
        return [{**row, **_whose(behind[row["run_id"]])} for row in reversed(found)]


def _whose(run: Row[Any]) -> dict[str, str]:
    return {"account": run.account, "host": run.host}
