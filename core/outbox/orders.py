"""What a person may order of messages that wait: try now, take back, hold, release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, case, exists, or_, select, true, update
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Mailbox, OutgoingMessage, OutgoingState, Recipient
from core.outbox.due import STILL_TO_BE_SENT
from core.outbox.enqueue import TOPIC

_m = table_of(OutgoingMessage).c
AT_ONCE = 500
"""Messages changed in one transaction."""

_is_there = exists().where(table_of(Mailbox).c.id == _m.mailbox_id, table_of(Mailbox).c.deleted_at.is_(None))
_BY_ANY_IF_GONE = {"mailbox_id": case((_is_there, _m.mailbox_id), else_=None)}


def retry(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Try these now, whatever their back-off; `None`: all that were tried already, for others have a time of their own.

    Gives back those it holds for.
    """
    was_tried = or_(_m.state != OutgoingState.QUEUED, _m.attempts > 0)
    return _order(handles, Order(None, STILL_TO_BE_SENT, was_tried if ids is None else true()), ids)


def cancel(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Take these back: they are not sent any more. What is being sent right now is not among them."""
    return _order(handles, Order(OutgoingState.CANCELLED, (*STILL_TO_BE_SENT, OutgoingState.HELD)), ids)


def hold(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Send these only when they are released."""
    return _order(handles, Order(OutgoingState.HELD, STILL_TO_BE_SENT), ids)


def release(handles: Handles, ids: Sequence[int] | None = None) -> list[int]:
    """Send what was held; where the mailbox it was handed in for was deleted, by any other."""
    return _order(handles, Order(OutgoingState.QUEUED, (OutgoingState.HELD,), also=_BY_ANY_IF_GONE), ids)


def hold_what_waits(handles: Handles, because: str) -> int:
    """Hold all that waits, with a reason that tells these from what a person held."""
    return len(_order(handles, _holding(because)))


def hold_all_in(session: Session, because: str) -> int:
    """The same by one transaction, of a database that nobody else has open."""
    order = _holding(because)
    return sum(len(_carry_out(session, order, batch)) for batch in _batches(_concerned(session, order)))


def is_any_held(session: Session, because: str) -> bool:
    """Whether something is held for this reason."""
    held = select(_m.id).where(_m.state == OutgoingState.HELD, _m.last_error == because)
    return session.connection().execute(held.limit(1)).first() is not None


def release_what_was_held(handles: Handles, because: str) -> int:
    """Release what was held for this reason."""
    return len(_order(handles, Order(OutgoingState.QUEUED, (OutgoingState.HELD,), _m.last_error == because)))


@dataclass(frozen=True)
class Order:
    """What is to become of which messages."""

    to: OutgoingState | None
    """`None`: they stay what they are, and are due now."""
    of_states: Sequence[str]
    which: ColumnElement[bool] = field(default_factory=true)
    because: str | None = None
    """The reason that is noted with them."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """What else is written into each."""

    def values(self, now: datetime) -> dict[str, Any]:
        """What is written into each."""
        if self.to is None:
            return {"next_attempt_at": now}
        values: dict[str, Any] = {
            "state": self.to,
            "settled_at": now if self.to is OutgoingState.CANCELLED else None,
        }
        if self.to is OutgoingState.QUEUED:
            # Before its first try it may have a time of its own, which holding it has not changed. Without one, what is
            # ahead was written by a clock that has been set back since: taken for a time of its own it would stay.
            keeps_its_time = (_m.attempts == 0) & (_m.next_attempt_at > now) & _m.first_due_at.is_not(None)
            first = case((keeps_its_time, _m.next_attempt_at), else_=now)
            # Its lifetime begins anew: what was held for a week must not fail at the first "come back later".
            values |= {"next_attempt_at": first, "first_due_at": first, "last_error": ""}
        if self.because is not None:
            values["last_error"] = self.because
        return values | dict(self.also)


def _holding(because: str) -> Order:
    return Order(OutgoingState.HELD, STILL_TO_BE_SENT, because=because)


def _order(handles: Handles, order: Order, ids: Sequence[int] | None = None) -> list[int]:
    """A little at a time: a hundred thousand may wait, and others write beside it."""
    if ids is None:
        with handles.database.reading() as session:
            ids = _concerned(session, order)
    done: list[int] = []
    for batch in _batches(ids):
        work = partial(_carry_out, order=order, ids=batch)
        done += handles.database.writing(work, load=float(len(ids) > AT_ONCE))
    if done:
        handles.changes.moved(TOPIC)
    return done


def _concerned(session: Session, order: Order) -> Sequence[int]:
    return session.connection().scalars(select(_m.id).where(_m.state.in_(order.of_states), order.which)).all()


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _carry_out(session: Session, order: Order, ids: Sequence[int]) -> list[int]:
    """Carry out an order of those of these messages that it still concerns; gives back which they are."""
    chosen = select(_m.id).where(_m.id.in_(ids), _m.state.in_(order.of_states), order.which).order_by(_m.id)
    found = list(session.connection().scalars(chosen.with_for_update()))
    values = order.values(database_time(session))
    session.connection().execute(update(table_of(OutgoingMessage)).where(_m.id.in_(found)).values(**values))
    if order.to is not None:
        _move_recipients(session, found, order.of_states, order.to)
    return found


def _move_recipients(session: Session, ids: Sequence[int], of_states: Sequence[str], to: OutgoingState) -> None:
    table = table_of(Recipient)
    session.connection().execute(
        update(table).where(table.c.outgoing_id.in_(ids), table.c.state.in_(of_states)).values(state=to)
    )
