"""The end of a run: its outcome, when the account is due again, the lease given back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.errors import LeaseLost, NeedsSignIn, OAuthUnavailable, PostroomError, Stopped, StoreError, Throttled
from core.handles import Handles
from core.inbound.backoff import FailureKind, has_failed_for_too_long, kind_of, next_due
from core.inbound.due import Claimed, claim_seen
from core.inbound.marks import write_mark
from core.inbound.turns import Waiting
from core.models import Account, AccountStatus, FolderMark, Run, RunState, Status, Validity
from core.protocols.causes import advice
from core.runlog import Counts, RunLog, Written
from core.text import bounded, clean

RunFault = Literal["", "passing", "configuration"]
"""What kept a run from ending well: nothing; what may be gone later; what a person must mend."""

_account, _status, _run = table_of(Account), table_of(AccountStatus), table_of(Run)


@dataclass(frozen=True)
class RunOutcome:
    """How one run ended."""

    run_id: int
    account: str
    state: RunState
    counts: Counts
    error: str = ""
    fault: RunFault = ""
    has_more: bool = False
    """Whether it stopped at its bound of messages and goes on at once."""
    next_turn: Claimed | None = None
    """What was claimed in the transaction that ended it; whoever made the run has it in hand now."""


def outcome_of(claimed: Claimed, log: RunLog, error: PostroomError | None, *, has_more: bool = False) -> RunOutcome:
    """The outcome from how the run ended."""
    if error is None:
        return RunOutcome(claimed.run_id, claimed.account.name, RunState.OK, log.counts, has_more=has_more)
    if isinstance(error, Stopped):
        return RunOutcome(claimed.run_id, claimed.account.name, RunState.STOPPED, log.counts, has_more=has_more)
    fault: RunFault = "configuration" if kind_of(error).needs_a_person else "passing"
    return RunOutcome(claimed.run_id, claimed.account.name, RunState.FAILED, log.counts, advice(error), fault)


def abandon_run(handles: Handles, claimed: Claimed, log: RunLog, fault: Exception) -> RunOutcome:
    """A fault of ours ended the run: as if its worker had died, the next run takes what was in hand one at a time."""
    now, account = clock.utcnow(), claimed.account
    told = bounded(clean(f"{type(fault).__name__}: {fault}"), 300)
    text = f"A fault of Postroom's own ended the run ({told}). The next run takes its messages one at a time."
    outcome = RunOutcome(claimed.run_id, claimed.account.name, RunState.ABORTED, log.counts, text, "passing")

    def abandon(session: Session) -> None:
        status = _held_status(session, claimed)
        _free(session, claimed, _after(status, outcome, StoreError(text), now, _interval(handles, session, account)))
        session.connection().execute(
            update(_run)
            .where(_run.c.id == claimed.run_id)
            .values(state=RunState.ABORTED.value, ended_at=now, error=text, fault="passing", step="")
        )

    with contextlib.suppress(LeaseLost):  # whoever has taken over has closed the run
        handles.database.writing(abandon)
    handles.changes.moved("run", "account")
    return outcome


def close_run(
    handles: Handles,
    claimed: Claimed,
    log: RunLog,
    outcome: RunOutcome,
    error: PostroomError | None,
    *,
    settled: Sequence[FolderMark] = (),
    seen: Waiting | None = None,
) -> RunOutcome:
    """Write the outcome and which folders are settled, say when the account is due again, give back the lease.

    With `seen`, who was seen to be due has the slot next: claimed in the same transaction.

    Raises:
        LeaseLost: another worker has taken over and has closed the run.
    """
    now = clock.utcnow()
    ended = {
        "state": outcome.state.value,
        "ended_at": now,
        "error": outcome.error,
        "fault": outcome.fault,
        "step": "",
    }

    def close(session: Session) -> tuple[Written, list[Claimed]]:
        status = _held_status(session, claimed)
        values = _after(status, outcome, error, now, _interval(handles, session, claimed.account))
        _free(session, claimed, values)
        written = log.write(session, log.counts, (), end=ended)
        for mark in settled:
            write_mark(session, mark)
        if error is not None and has_failed_for_too_long(kind_of(error), values["first_failure_at"], now):
            _give_up(session, claimed.account)
        return written, [] if seen is None else claim_seen(handles, seen, now, session)

    written, following = handles.database.writing(close)
    log.settled(written)
    handles.changes.moved("run", "account")
    return replace(outcome, next_turn=following[0]) if following else outcome


def _held_status(session: Session, claimed: Claimed) -> Any:
    """How the account stands that this run has in hand, and when the run began."""
    status = session.connection().execute(_held(), claimed.lease.named).one_or_none()
    if status is None:
        raise LeaseLost(f"Another worker has taken over {claimed.account.name}.")
    return status


@lru_cache(maxsize=1)
def _held() -> Any:
    stands = (_status.c.paused, _status.c.failures, _status.c.first_failure_at, _status.c.due_at, _run.c.started_at)
    begun = select(*stands).join(_run, _run.c.id == _status.c.last_run_id)
    # Locked (PostgreSQL): who pauses it in this moment would be overwritten.
    return begun.where(leases.is_held(AccountStatus)).with_for_update(of=_status)


def _free(session: Session, claimed: Claimed, values: dict[str, Any]) -> None:
    """Say how the account stands, and give back its lease.

    Before the run is written: who claims the account and closes a dead run goes in that order too, so that neither
    waits for the other (PostgreSQL).

    Raises:
        LeaseLost: another worker has taken over.
    """
    free = {"lease_owner": "", "lease_until": None}
    if not session.connection().execute(_freed(), {**claimed.lease.named, **values, **free}).rowcount:
        raise LeaseLost(f"Another worker has taken over {claimed.account.name}.")


@lru_cache(maxsize=1)
def _freed() -> Any:
    return update(_status).where(leases.is_held(AccountStatus))


def _interval(handles: Handles, session: Session, account: Account) -> timedelta:
    if account.interval is not None:
        return timedelta(seconds=account.interval)
    return handles.settings_in(session).fetch_interval


def _after(
    status: Any, outcome: RunOutcome, error: PostroomError | None, now: datetime, interval: timedelta
) -> dict[str, Any]:
    if outcome.state is RunState.STOPPED:
        return {"stop_requested": False, "due_at": now + interval, "first_failure_at": status.first_failure_at}
    if error is None:
        return {
            "status": Status.PAUSED.value if status.paused else Status.OK.value,
            "failures": 0,
            "first_failure_at": None,
            "last_error": "",
            "retry_after": None,
            "last_ok_at": now,
            "due_at": now if outcome.has_more or _was_called_again(status, now) else now + interval,
        }
    kind, asked = kind_of(error), error.retry_after if isinstance(error, Throttled | OAuthUnavailable) else None
    failures = status.failures + (kind is not FailureKind.OURS)
    due = next_due(failures, now, interval, kind=kind, retry_after=asked)
    return {
        "status": Status.PAUSED.value if status.paused else _status_after(error).value,
        "failures": failures,
        "first_failure_at": status.first_failure_at or (now if failures else None),
        "last_error": outcome.error[:1000],
        "retry_after": due if asked is not None else None,
        "due_at": due,
    }


def _status_after(error: PostroomError) -> Status:
    if isinstance(error, NeedsSignIn):
        return Status.NEEDS_SIGN_IN
    return Status.THROTTLED if kind_of(error) is FailureKind.THROTTLED else Status.FAILING


def _was_called_again(status: Any, now: datetime) -> bool:
    """Whether new mail came, or a person made it due, since this run looked: `due_at` was before its start then."""
    return bool(status.started_at < status.due_at <= now)


def _give_up(session: Session, account: Account) -> None:
    session.connection().execute(
        update(_account)
        .where(_account.c.id == account.id, _account.c.validity == Validity.VALID.value)
        .values(validity=Validity.INVALID_TEMPORARILY.value)
    )
