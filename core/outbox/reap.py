"""Messages whose worker was lost: back to where they were, or uncertain if it was handing them over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update
from sqlmodel import Session

from core.db.alike import database_now, database_time, skip_locked
from core.db.bulk import insert_rows, table_of
from core.failpoints import fp
from core.models import Attempt, Mailbox, OutgoingMessage, OutgoingState, Recipient
from core.outbox.claim import state_before, state_of_recipients
from core.outbox.due import STILL_TO_BE_SENT

_AT_ONCE = 500

LOST = "The worker was lost."
LOST_HANDING_OVER = "The worker was lost while it handed the message over; the relay may have taken it."

_m = table_of(OutgoingMessage).c


@dataclass(frozen=True)
class Reaped:
    """What was found lost."""

    given_back: int
    uncertain: tuple[tuple[int, str], ...]
    """Rows and Message-IDs of what nobody can know of."""

    @property
    def may_be_more(self) -> bool:
        """Whether another call may find more."""
        return self.given_back + len(self.uncertain) >= _AT_ONCE


def is_any_lost(session: Session) -> bool:
    """Whether some message's lease ran out."""
    return session.connection().execute(_expired(session, database_time(session)).limit(1)).first() is not None


def reap(session: Session, next_try: Callable[[int, datetime, datetime], datetime], *, hold_uncertain: bool) -> Reaped:
    """Free messages whose lease ran out, some hundred at a time; their fence grows, so a late worker writes nothing.

    Args:
        session: a writing one.
        next_try: from attempts, when it was taken in, and now, to when it is tried again.
        hold_uncertain: whether what is uncertain waits for a person.
    """
    now = database_time(session)
    expired = skip_locked(_expired(session, now).order_by(_m.id).limit(_AT_ONCE))
    rows = session.connection().execute(expired).all()
    fp("K17")
    uncertain = [row for row in rows if row.handing_over]
    state = OutgoingState.HELD if hold_uncertain else OutgoingState.UNCERTAIN
    _give_back(session, [row.id for row in rows if not row.handing_over])
    if uncertain:
        _write_tries(session, uncertain, now)
        _write_recipients(session, uncertain, state)
        _write_uncertain(session, uncertain, now, next_try)
    return Reaped(len(rows) - len(uncertain), tuple((row.id, row.message_id) for row in uncertain))


def _expired(session: Session, now: datetime) -> Select[Any]:
    begun_at = func.coalesce(_m.first_due_at, _m.created_at).label("begun_at")
    standing = (_m.attempts, begun_at, _m.uncertain_since, _m.in_hand_from, _m.in_hand_to)
    return select(_m.id, _m.message_id, _m.handing_over, _m.sent_by_id, *standing).where(
        _m.state == OutgoingState.SENDING, _m.lease_until < database_now(session, now)
    )


def _give_back(session: Session, ids: list[int]) -> None:
    if ids:
        session.connection().execute(
            update(table_of(OutgoingMessage))
            .where(_m.id.in_(ids))
            .values(state=state_before(), lease_owner="", lease_until=None, fence=_m.fence + 1, last_error=LOST)
        )


def _write_tries(session: Session, rows: list[Row[Any]], now: datetime) -> None:
    mailbox = table_of(Mailbox).c
    asked = select(mailbox.id, mailbox.name).where(mailbox.id.in_({row.sent_by_id for row in rows}))
    names: dict[int, str] = {key: name for key, name in session.connection().execute(asked)}
    insert_rows(
        session,
        Attempt,
        [
            {
                "outgoing_id": row.id,
                "number": row.attempts + 1,
                "mailbox_id": row.sent_by_id,
                "mailbox": names.get(row.sent_by_id, ""),
                "host": "",
                "phase": "dot",
                "outcome": OutgoingState.UNCERTAIN,
                "text": LOST_HANDING_OVER,
                "enhanced_code": "",
                "started_at": now,
                "ms": 0.0,
            }
            for row in rows
        ],
    )


def _write_recipients(session: Session, rows: list[Row[Any]], state: OutgoingState) -> None:
    """Those who may have it now: of a message that goes in parts, those of the part in hand."""
    table = table_of(Recipient)
    is_waiting = table.c.state.in_(STILL_TO_BE_SENT) & table.c.is_bcc.is_(False)
    lost = update(table).values(state=state, reply_code=None, enhanced_code="", text=LOST_HANDING_OVER)
    whole = [row.id for row in rows if row.in_hand_from is None]
    if whole:
        session.connection().execute(lost.where(table.c.outgoing_id.in_(whole), is_waiting))
    for row in rows:
        if row.in_hand_from is not None:
            part = table.c.id.between(row.in_hand_from, row.in_hand_to)
            session.connection().execute(lost.where(table.c.outgoing_id == row.id, part, is_waiting))


def _write_uncertain(
    session: Session,
    rows: list[Row[Any]],
    now: datetime,
    next_try: Callable[[int, datetime, datetime], datetime],
) -> None:
    statement = update(table_of(OutgoingMessage)).where(_m.id == bindparam("of"))
    session.connection().execute(
        statement.values(
            state=state_of_recipients(),
            lease_owner="",
            lease_until=None,
            handing_over=False,
            fence=_m.fence + 1,
            last_error=LOST_HANDING_OVER,
            attempts=bindparam("tries"),
            next_attempt_at=bindparam("again"),
            uncertain_since=bindparam("since"),
        ),
        [
            {
                "of": row.id,
                "tries": row.attempts + 1,
                "again": next_try(row.attempts + 1, row.begun_at, now),
                "since": row.uncertain_since or now,
            }
            for row in rows
        ],
    )
