"""The numbers behind the overview's pictures; their sums are those of the runs and rows they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, AccountStatus, OutgoingMessage, Run, RunState, Status, Validity
from core.resources.mailbox import MAILBOX
from core.services import access
from core.services.actor import Actor

DAY = timedelta(hours=24)
BUCKET = timedelta(minutes=5)
"""What one value of the throughput stands for."""

STRIPS = 5
"""Accounts whose last runs are shown."""

RUNS = 40
"""Runs that are shown of each."""

_run, _account, _status, _outgoing = (table_of(one) for one in (Run, Account, AccountStatus, OutgoingMessage))


@dataclass(frozen=True)
class Throughput:
    """What came in over a day."""

    taken_in: tuple[int, ...]
    """Messages of each bucket, the oldest first; a run counts where it began."""
    runs: int
    failed: int
    """Runs that did not end well."""

    @property
    def total(self) -> int:
        """All messages of the day."""
        return sum(self.taken_in)


@dataclass(frozen=True)
class Strip:
    """How the last runs of one account ended."""

    account: str
    status: str
    states: tuple[str, ...]
    """The oldest first."""


def throughput(handles: Handles, actor: Actor, now: datetime) -> Throughput:
    """Messages taken in over the last 24 hours, in buckets of five minutes."""
    access.require(actor, access.SEE, "run")
    begin = now - DAY
    of_day = _run.c.started_at > begin
    with handles.database.reading() as session:
        connection = session.connection()
        some = connection.execute(select(_run.c.started_at, _run.c.fetched).where(of_day, _run.c.fetched > 0)).all()
        runs = connection.execute(select(func.count()).where(of_day)).scalar_one()
        bad = (RunState.FAILED.value, RunState.ABORTED.value)
        failed = connection.execute(select(func.count()).where(of_day, _run.c.state.in_(bad))).scalar_one()
    buckets = [0] * (DAY // BUCKET)
    for started_at, fetched in some:
        buckets[min(len(buckets) - 1, max(0, (started_at - begin) // BUCKET))] += fetched
    return Throughput(tuple(buckets), runs, failed)


def account_health(handles: Handles, actor: Actor) -> Mapping[str, int]:
    """How many accounts there are of each condition: what is not valid by its validity, the others by status."""
    access.require(actor, access.SEE, "account")
    living = (
        select(_account.c.validity, _status.c.status, func.count())
        .join(_status, _status.c.account_id == _account.c.id, isouter=True)
        .where(_account.c.deleted_at.is_(None))
        .group_by(_account.c.validity, _status.c.status)
    )
    counts: dict[str, int] = {}
    with handles.database.reading() as session:
        for validity, status, count in session.connection().execute(living).all():
            condition = (status or "ok") if validity == "valid" else validity
            counts[condition] = counts.get(condition, 0) + count
    return counts


def mailbox_health(handles: Handles, actor: Actor) -> Mapping[str, int]:
    """How many mailboxes there are of each status."""
    access.require(actor, access.SEE, "mailbox")
    how = MAILBOX.column("status").sql
    living = select(how, func.count()).select_from(table_of(MAILBOX.model)).where(*MAILBOX.conditions).group_by(how)
    with handles.database.reading() as session:
        return {status: count for status, count in session.connection().execute(living).all()}


def strips(handles: Handles, actor: Actor) -> tuple[Strip, ...]:
    """The last runs of the valid accounts that want a look: those in trouble first, then those that ran last."""
    access.require(actor, access.SEE, "account")
    in_trouble = case((_status.c.status.in_((Status.OK.value, Status.PAUSED.value)), 1), else_=0)
    chosen = (
        select(_account.c.id, _account.c.name, _status.c.status)
        .join(_status, _status.c.account_id == _account.c.id)
        .where(_account.c.deleted_at.is_(None), _account.c.validity == Validity.VALID.value)
        .order_by(in_trouble, func.coalesce(_status.c.last_run_id, 0).desc(), _account.c.id)
        .limit(STRIPS)
    )
    with handles.database.reading() as session:
        connection = session.connection()
        found = connection.execute(chosen).all()
        ended = {
            row.id: select(_run.c.state).where(_run.c.account_id == row.id).order_by(_run.c.id.desc()).limit(RUNS)
            for row in found
        }
        return tuple(
            Strip(row.name, row.status, tuple(reversed(connection.execute(ended[row.id]).scalars().all())))
            for row in found
        )


def outbox_by_state(handles: Handles, actor: Actor) -> Mapping[str, int]:
    """How many outgoing messages there are in each state."""
    access.require(actor, access.SEE, "outbox")
    states = select(_outgoing.c.state, func.count()).group_by(_outgoing.c.state)
    with handles.database.reading() as session:
        return {state: count for state, count in session.connection().execute(states).all()}
