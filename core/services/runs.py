"""Runs: what is being fetched now, and the lines of any run as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, or_, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Run, RunEvent, RunState
from core.services import access
from core.services.actor import Actor

AT_ONCE = 2000
"""Lines given at once; a reader that is behind asks again."""

_AT_START = 20
"""Runs whose lines a reader is shown that has seen none."""

_run, _event = table_of(Run), table_of(RunEvent)


def running(handles: Handles, actor: Actor, *, at_most: int = 1000) -> list[dict[str, Any]]:
    """The runs at work, on any machine, the oldest first."""
    access.require(actor, access.SEE, "run")
    at_work = select(_run).where(_run.c.state == RunState.RUNNING.value).order_by(_run.c.id).limit(at_most)
    with handles.database.reading() as session:
        return [dict(row) for row in session.connection().execute(at_work).mappings()]


def recent(handles: Handles, actor: Actor, *, at_most: int = 100) -> list[dict[str, Any]]:
    """The newest runs, whatever their state."""
    access.require(actor, access.SEE, "run")
    newest = select(_run).order_by(_run.c.id.desc()).limit(at_most)
    with handles.database.reading() as session:
        return [dict(row) for row in session.connection().execute(newest).mappings()]


def tail(
    handles: Handles, actor: Actor, seen: Mapping[int, int], *, at_most: int = AT_ONCE, level: str = "debug"
) -> list[dict[str, Any]]:
    """The lines beyond those that were seen, with their account, in order of time.

    Args:
        handles: what this process holds open.
        actor: who looks.
        seen: the last number seen of each run; runs that are new since are found by themselves.
        at_most: the most lines.
        level: lines below it are left out.
    """
    access.require(actor, access.SEE, "event")
    newest_seen = max(seen, default=0)
    moved = select(_run.c.id, _run.c.account, _run.c.last_seq)
    moved = moved.where(or_(_run.c.state == RunState.RUNNING.value, _run.c.id.in_(list(seen)), _run.c.id > newest_seen))
    with handles.database.reading() as session:
        newest_first = moved.order_by(_run.c.id.desc()).limit(AT_ONCE if seen else _AT_START)
        runs = session.connection().execute(newest_first).all()
        behind = {row.id: (row.account, seen.get(row.id, 0)) for row in runs if row.last_seq > seen.get(row.id, 0)}
        if not behind:
            return []
        beyond = or_(*(and_(_event.c.run_id == run, _event.c.seq > seq) for run, (_, seq) in behind.items()))
        lines = select(_event).where(beyond).order_by(_event.c.at, _event.c.run_id, _event.c.seq).limit(at_most)
        found = session.connection().execute(lines.where(_event.c.level.in_(_from(level)))).mappings()
        return [{**row, "account": behind[row["run_id"]][0]} for row in found]


def _from(level: str) -> tuple[str, ...]:
    levels = ("debug", "info", "warning", "error")
    return levels[levels.index(level) :]
