"""What a person may order of messages that wait: try now, take back, hold, release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, or_, select, true, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingMessage, OutgoingState, Recipient
from core.outbox.claim import STILL_TO_BE_SENT, time_of
from core.outbox.enqueue import TOPIC

_m = table_of(OutgoingMessage).c
_AT_ONCE = 500
"""Rows that a statement names: PostgreSQL takes no more than 65,535 values, and a hundred thousand may be held."""


def retry(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Try these now, whatever their back-off; `None`: all that were tried already, for others have a time of their own.

    Gives back those it holds for.
    """
    was_tried = or_(_m.state != OutgoingState.QUEUED, _m.attempts > 0)
    return _order(handles, was_tried if ids is None else _m.id.in_(ids), STILL_TO_BE_SENT, to=None)


def cancel(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Take these back: they are not sent any more. What is being sent right now is not among them."""
    return _order(handles, _named(ids), (*STILL_TO_BE_SENT, OutgoingState.HELD), to=OutgoingState.CANCELLED)


def hold(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Send these only when they are released."""
    return _order(handles, _named(ids), STILL_TO_BE_SENT, to=OutgoingState.HELD)


def release(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Send what was held."""
    return _order(handles, _named(ids), (OutgoingState.HELD,), to=OutgoingState.QUEUED)


def hold_what_waits(session: Session, because: str) -> int:
    """Hold all that waits, with a reason that tells these from what a person held."""
    return len(_apply(session, true(), STILL_TO_BE_SENT, OutgoingState.HELD, last_error=because))


def is_any_held(session: Session, because: str) -> bool:
    """Whether something is held for this reason."""
    held = select(_m.id).where(_m.state == OutgoingState.HELD, _m.last_error == because)
    return session.connection().execute(held.limit(1)).first() is not None


def release_what_was_held(session: Session, because: str) -> int:
    """Release what was held for this reason."""
    return len(_apply(session, _m.last_error == because, (OutgoingState.HELD,), OutgoingState.QUEUED))


def _named(ids: Sequence[int] | None) -> ColumnElement[bool]:
    return true() if ids is None else _m.id.in_(ids)


def _order(
    handles: Handles, which: ColumnElement[bool], of_states: Sequence[str], *, to: OutgoingState | None
) -> list[int]:
    done = handles.database.writing(lambda session: _apply(session, which, of_states, to))
    handles.changes.moved(TOPIC)
    return done


def _apply(
    session: Session, which: ColumnElement[bool], of_states: Sequence[str], to: OutgoingState | None, **values: Any
) -> list[int]:
    chosen = select(_m.id).where(_m.state.in_(of_states), which).order_by(_m.id)
    found = list(session.connection().scalars(chosen.with_for_update()))
    now = time_of(session)
    if to is None:
        values["next_attempt_at"] = now
    elif to is OutgoingState.QUEUED:
        # Before its first try it may have a time of its own, which holding it has not changed.
        keeps_its_time = (_m.attempts == 0) & (_m.next_attempt_at > now)
        first = case((keeps_its_time, _m.next_attempt_at), else_=now)
        # Its lifetime begins anew: what was held for a week must not fail at the first "come back later".
        values |= {"next_attempt_at": first, "first_due_at": first, "last_error": ""}
    if to is not None:
        values |= {"state": to, "settled_at": now if to is OutgoingState.CANCELLED else None}
    for start in range(0, len(found), _AT_ONCE):
        batch = found[start : start + _AT_ONCE]
        session.connection().execute(update(table_of(OutgoingMessage)).where(_m.id.in_(batch)).values(**values))
        if to is not None:
            _move_recipients(session, batch, of_states, to)
    return found


def _move_recipients(session: Session, ids: Sequence[int], of_states: Sequence[str], to: OutgoingState) -> None:
    table = table_of(Recipient)
    session.connection().execute(
        update(table).where(table.c.outgoing_id.in_(ids), table.c.state.in_(of_states)).values(state=to)
    )
