"""Taking messages to be sent: which are due, whose they are from now on, and giving them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, null, select, update
from sqlmodel import Session

from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.db.leases import Lease
from core.db.prepared import PreparedUpdate, given
from core.models import Lane, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient

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
_b = table_of(OutgoingRaw).c
_BYTES = select(_b.outgoing_id, _b.data).where(_b.outgoing_id.in_(bindparam("ids", expanding=True)))
_taken = given(_m.id)
_TAKE = PreparedUpdate(
    update(table_of(OutgoingMessage))
    .where(_m.id == _taken.c.id)
    .values(
        state=OutgoingState.SENDING.value,
        lease_owner=bindparam("by"),
        lease_until=bindparam("until"),
        fence=_m.fence + 1,
        handing_over=False,
        in_hand_from=null(),
        in_hand_to=null(),
    ),
    _taken,
)
_marked = given(_m.id, _m.fence, _m.sent_by_id)
_HAND_OVER = PreparedUpdate(
    update(table_of(OutgoingMessage))
    .where(_m.id == _marked.c.id, _m.fence == _marked.c.fence)
    .values(handing_over=True, sent_by_id=_marked.c.sent_by_id),
    _marked,
)
_parted = given(_m.id, _m.fence, _m.in_hand_from, _m.in_hand_to)
_PART = PreparedUpdate(
    update(table_of(OutgoingMessage))
    .where(_m.id == _parted.c.id, _m.fence == _parted.c.fence)
    .values(in_hand_from=_parted.c.in_hand_from, in_hand_to=_parted.c.in_hand_to),
    _parted,
)


class HandingOver(NamedTuple):
    """A message that is about to be handed over."""

    lease: Lease
    mailbox_id: int
    """Who sends it."""
    part: tuple[int, int] | None = None
    """The first and the last of the recipients' rows it goes to now, while others wait; `None`: it goes to all."""


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


def take(session: Session, due: Sequence[Due], owner: str, until: datetime) -> dict[int, Lease]:
    """Make these messages ours, each with the next number of its fence."""
    _TAKE.run(session, [(one.id,) for one in due], by=owner, until=until)
    return {one.id: Lease(OutgoingMessage, one.id, owner, one.fence + 1) for one in due}


def hand_over(session: Session, window: Sequence[HandingOver]) -> set[int]:
    """Mark windows before their first DATA: if we are lost from here on, these may have been taken by the relay.

    Gives back those that are still ours.
    """
    leases = [one.lease for one in window]
    rows = [(one.lease.key, one.lease.fence, one.mailbox_id) for one in window]
    hit = _HAND_OVER.run(session, rows)
    parts = [(one.lease.key, one.lease.fence, *one.part) for one in window if one.part is not None]
    _PART.run(session, parts)
    return {lease.key for lease in leases} if hit == len(rows) else still_ours(session, leases)


def still_ours(session: Session, leases: Iterable[Lease]) -> set[int]:
    """Those of these messages that nobody has taken over: each claim, and each loss of a claim, moves the fence."""
    fences = {lease.key: lease.fence for lease in leases}
    asked = select(_m.id, _m.fence).where(_m.id.in_(list(fences)))
    return {key for key, fence in session.connection().execute(asked.with_for_update()) if fences[key] == fence}


def give_back(session: Session, leases: Sequence[Lease]) -> None:
    """An orderly stop: what was taken and not begun is as if it had not been taken."""
    table = table_of(OutgoingMessage)
    ours = sorted(still_ours(session, leases)) if leases else []
    if ours:
        session.connection().execute(
            update(table)
            .where(table.c.id.in_(ours))
            .values(
                state=state_before(),
                lease_owner="",
                lease_until=None,
                handing_over=False,
                fence=table.c.fence + 1,
            )
        )


def state_before() -> Any:
    """What a message's state was before it was taken, told by its recipients, who keep theirs meanwhile."""
    return _state_told_by(OutgoingState.UNCERTAIN, OutgoingState.DEFERRED, otherwise=OutgoingState.QUEUED)


def state_of_recipients() -> Any:
    """The state of a message that was being handed over, its recipients' having been written."""
    waiting = (OutgoingState.UNCERTAIN, OutgoingState.DEFERRED, OutgoingState.QUEUED)
    return _state_told_by(*waiting, otherwise=OutgoingState.HELD)


def _state_told_by(*states: OutgoingState, otherwise: OutgoingState) -> Any:
    """The first of these that one of its recipients is in."""
    recipients = table_of(Recipient).c

    def has(state: OutgoingState) -> Any:
        return (
            select(recipients.id)
            .where(recipients.outgoing_id == _m.id, recipients.state == state, recipients.is_bcc.is_(False))
            .correlate(table_of(OutgoingMessage))
            .exists()
        )

    return case(*((has(state), state.value) for state in states), else_=otherwise.value)


def bytes_of(session: Session, ids: Sequence[int]) -> dict[int, bytes]:
    """The messages' bytes as they were handed in."""
    return {key: data for key, data in _rows_of(session, _BYTES, ids)}


def lease_end(now: datetime, seconds: float) -> datetime:
    """Until when a claim made now lasts."""
    return now + timedelta(seconds=seconds)


def _recipients_of(session: Session, ids: Sequence[int]) -> dict[int, list[PendingRecipient]]:
    found: dict[int, list[PendingRecipient]] = {}
    for key, outgoing_id, address, is_bcc, state, code in _rows_of(session, _RECIPIENTS, ids):
        found.setdefault(outgoing_id, []).append(PendingRecipient(key, address, is_bcc, state, code))
    return found


def _rows_of(session: Session, statement: Any, ids: Sequence[int]) -> Sequence[Any]:
    return session.connection().execute(statement, {"ids": ids}).all() if ids else ()


def _due(row: Any, recipients: Sequence[PendingRecipient]) -> Due:
    # By place, not by name: this is done for every message.
    pending = [one for one in recipients if one.state in STILL_TO_BE_SENT and not one.is_bcc]
    return Due._make((*row, tuple(recipients), tuple(pending)))
