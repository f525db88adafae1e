"""Which messages are to be sent next, with their recipients: urgent ones first, then whichever waits longest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select
from sqlmodel import Session

from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.models import Lane, OutgoingMessage, OutgoingState, Recipient

WAITING = (OutgoingState.QUEUED, OutgoingState.DEFERRED, OutgoingState.UNCERTAIN)
"""The states of a message that is to be sent."""

STILL_TO_BE_SENT = tuple(state.value for state in WAITING)
"""The same of a recipient."""

_URGENT = Lane.URGENT.rank

_m = table_of(OutgoingMessage).c
_COLUMNS = (
    _m.id,
    _m.message_id,
    _m.state,
    _m.lane_rank,
    case((_m.has_sender, _m.sender), else_=None).label("sender"),
    _m.header_from,
    _m.size,
    _m.mailbox_id,
    _m.sent_by_id,
    _m.notify,
    _m.created_at,
    func.coalesce(_m.first_due_at, _m.created_at).label("begun_at"),
    _m.expires_at,
    _m.attempts,
    _m.uncertain_since,
    _m.last_error,
    _m.next_attempt_at,
    _m.fence,
)

# One state and lane at a time: each is one range of the index, however long the rest of the outbox is.
_DUE = skip_locked(
    select(*_COLUMNS)
    .where(_m.state == bindparam("state"), _m.lane_rank == bindparam("rank"), _m.next_attempt_at <= bindparam("until"))
    .order_by(_m.next_attempt_at, _m.id)
    .limit(bindparam("most"))
)
_SOONEST = (
    select(_m.id)
    .where(_m.state == bindparam("state"), _m.lane_rank == bindparam("rank"), _m.next_attempt_at <= bindparam("until"))
    .limit(1)
)
_r = table_of(Recipient).c
_RECIPIENTS = (
    select(_r.id, _r.outgoing_id, _r.address, _r.is_bcc, _r.state, _r.reply_code)
    .where(_r.outgoing_id.in_(bindparam("ids", expanding=True)))
    .order_by(_r.id)
)


class PendingRecipient(NamedTuple):
    """A recipient as it was when its message was taken."""

    id: int
    address: str
    is_bcc: bool
    state: str
    reply_code: int | None


class Due(NamedTuple):
    """A message that is due, with all its recipients."""

    id: int
    message_id: str
    state: str
    lane_rank: int
    sender: str | None
    """Empty: the null sender; `None`: the mailbox's own."""
    header_from: str
    size: int
    mailbox_id: int | None
    sent_by_id: int | None
    notify: bool
    created_at: datetime
    begun_at: datetime
    """When its lifetime began: it was taken in, or was due first."""
    expires_at: datetime | None
    attempts: int
    uncertain_since: datetime | None
    last_error: str
    next_attempt_at: datetime
    fence: int
    """The last claim's number."""
    recipients: tuple[PendingRecipient, ...]
    pending: tuple[PendingRecipient, ...]
    """The recipients it is still to be sent to, Bcc ones not among them."""

    @property
    def is_urgent(self) -> bool:
        """Whether it overtakes the others."""
        return self.lane_rank == _URGENT


def due_messages(
    session: Session, now: datetime, pass_began: datetime, limit: int, lanes: Iterable[Lane] = Lane
) -> list[Due]:
    """The messages to be sent next, urgent ones first, then whichever waits longest.

    What was tried before counts as due only if it was so when this pass began: a pass tries nothing twice.
    """
    rows: list[Any] = []
    for lane in lanes:
        waiting: list[Any] = []
        for state in WAITING:
            asked = {**_due_by(state, lane, now, pass_began), "most": limit - len(rows)}
            waiting.append(session.connection().execute(_DUE, asked).all())
        rows += _longest_first(waiting)[: limit - len(rows)]
        if len(rows) >= limit:
            break
    recipients = _recipients_of(session, [row[0] for row in rows])
    return [_due(row, recipients.get(row[0], ())) for row in rows]


def _longest_first(waiting: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Rows of several states, each in its order already, by when they are due."""
    found = [rows for rows in waiting if rows]
    if len(found) == 1:
        return found[0]
    return sorted(chain.from_iterable(found), key=lambda row: (row.next_attempt_at, row.id))


def is_any_due(session: Session, now: datetime, pass_began: datetime, lanes: Iterable[Lane] = Lane) -> bool:
    """Whether `due_messages` would find something."""
    return any(
        session.connection().execute(_SOONEST, _due_by(state, lane, now, pass_began)).first()
        for lane in lanes
        for state in WAITING
    )


def _due_by(state: OutgoingState, lane: Lane, now: datetime, pass_began: datetime) -> dict[str, Any]:
    """What is asked for of one state and lane; what was tried before must have been due when the pass began."""
    until = now if state is OutgoingState.QUEUED else min(now, pass_began)
    return {"state": state.value, "rank": lane.rank, "until": until}


def _recipients_of(session: Session, ids: Sequence[int]) -> dict[int, list[PendingRecipient]]:
    found: dict[int, list[PendingRecipient]] = {}
    rows = session.connection().execute(_RECIPIENTS, {"ids": ids}) if ids else ()
    for key, outgoing_id, address, is_bcc, state, code in rows:
        found.setdefault(outgoing_id, []).append(PendingRecipient(key, address, is_bcc, state, code))
    return found


def _due(row: Any, recipients: Sequence[PendingRecipient]) -> Due:
    # By place, not by name: this is done for every message.
    pending = [one for one in recipients if one.state in STILL_TO_BE_SENT and not one.is_bcc]
    return Due._make((*row, tuple(recipients), tuple(pending)))
