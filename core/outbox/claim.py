"""Taking messages to be sent: which are due, whose they are from now on, and giving them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, case, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import skip_locked, table_of
from core.db.leases import Lease
from core.models import Lane, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient

WAITING = (OutgoingState.QUEUED, OutgoingState.DEFERRED, OutgoingState.UNCERTAIN)
"""The states of a message that is to be sent."""

STILL_TO_BE_SENT = tuple(state.value for state in WAITING)
"""The same of a recipient."""

_m = table_of(OutgoingMessage).c
_COLUMNS = (
    _m.id,
    _m.message_id,
    _m.state,
    _m.lane_rank,
    _m.sender,
    _m.has_sender,
    _m.header_from,
    _m.size,
    _m.mailbox_id,
    _m.sent_by_id,
    _m.notify,
    _m.created_at,
    _m.next_attempt_at,
    _m.expires_at,
    _m.attempts,
    _m.uncertain_since,
    _m.last_error,
    _m.fence,
)


@dataclass(slots=True)
class PendingRecipient:
    """A recipient as it was when its message was taken."""

    id: int
    address: str
    is_bcc: bool
    state: str
    reply_code: int | None


@dataclass(frozen=True, slots=True)
class Due:
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
    expires_at: datetime | None
    attempts: int
    uncertain_since: datetime | None
    last_error: str
    fence: int
    """The last claim's number."""
    recipients: tuple[PendingRecipient, ...]

    @property
    def pending(self) -> list[PendingRecipient]:
        """The recipients it is still to be sent to, Bcc ones not among them."""
        return [one for one in self.recipients if one.state in STILL_TO_BE_SENT and not one.is_bcc]


def time_of(session: Session) -> datetime:
    """The time that leases and retries are reckoned by: the server's on PostgreSQL, the machine's on SQLite."""
    if session.get_bind().dialect.name == "postgresql":
        now: datetime = session.connection().exec_driver_sql("SELECT now()").scalar_one()
        return now
    return clock.utcnow()


def due_messages(session: Session, now: datetime, pass_began: datetime, limit: int) -> list[Due]:
    """The messages to be sent next, urgent ones first, then whichever waits longest.

    What was tried before counts as due only if it was so when this pass began: a pass tries nothing twice.
    """
    rows: list[Row[Any]] = []
    for lane in Lane:
        # One state and lane at a time: each is one range of the index, however long the rest of the outbox is.
        waiting: list[Row[Any]] = []
        for state in WAITING:
            until = now if state is OutgoingState.QUEUED else min(now, pass_began)
            waiting += session.connection().execute(_of_lane(state, lane, until, limit - len(rows)))
        rows += sorted(waiting, key=lambda row: (row.next_attempt_at, row.id))[: limit - len(rows)]
        if len(rows) >= limit:
            break
    recipients = _recipients_of(session, [row.id for row in rows])
    return [_due(row, tuple(recipients.get(row.id, ()))) for row in rows]


def take(session: Session, due: Sequence[Due], owner: str, until: datetime) -> dict[int, Lease]:
    """Make these messages ours, each with the next number of its fence."""
    if not due:
        return {}
    table = table_of(OutgoingMessage)
    session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("of"))
        .values(
            state=OutgoingState.SENDING,
            lease_owner=owner,
            lease_until=until,
            fence=table.c.fence + 1,
            handing_over=False,
        ),
        [{"of": one.id} for one in due],
    )
    return {one.id: Lease(OutgoingMessage, one.id, owner, one.fence + 1) for one in due}


def still_ours(session: Session, leases: Iterable[Lease]) -> set[int]:
    """Those of these messages that nobody has taken over; no other process can take them before this commits."""
    fences = {lease.key: lease.fence for lease in leases}
    if not fences:
        return set()
    asked = select(_m.id, _m.fence).where(_m.id.in_(list(fences)), _m.state == OutgoingState.SENDING)
    return {key for key, fence in session.connection().execute(asked.with_for_update()) if fences[key] == fence}


def hand_over(session: Session, leases: Sequence[Lease], mailbox_id: int, until: datetime) -> set[int]:
    """Mark a window before its first DATA: if we are lost from here on, these may have been taken by the relay."""
    ours = still_ours(session, leases)
    _mark(session, ours, handing_over=True, sent_by_id=mailbox_id, lease_until=until)
    return ours


def unmark(session: Session, leases: Sequence[Lease]) -> None:
    """They were not begun after all."""
    _mark(session, still_ours(session, leases), handing_over=False)


def give_back(session: Session, leases: Sequence[Lease]) -> None:
    """An orderly stop: what was taken and not begun is as if it had not been taken."""
    table = table_of(OutgoingMessage)
    ours = sorted(still_ours(session, leases))
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
    recipients = table_of(Recipient).c

    def has(state: OutgoingState) -> Any:
        return (
            select(recipients.id)
            .where(recipients.outgoing_id == _m.id, recipients.state == state, recipients.is_bcc.is_(False))
            .correlate(table_of(OutgoingMessage))
            .exists()
        )

    return case(
        (has(OutgoingState.UNCERTAIN), OutgoingState.UNCERTAIN.value),
        (has(OutgoingState.DEFERRED), OutgoingState.DEFERRED.value),
        else_=OutgoingState.QUEUED.value,
    )


def bytes_of(session: Session, ids: Sequence[int]) -> Mapping[int, bytes]:
    """The messages' bytes as they were handed in."""
    table = table_of(OutgoingRaw)
    asked = select(table.c.outgoing_id, table.c.data).where(table.c.outgoing_id.in_(ids))
    return {key: data for key, data in session.connection().execute(asked)}


def lease_end(now: datetime, seconds: float) -> datetime:
    """Until when a claim made now lasts."""
    return now + timedelta(seconds=seconds)


def _mark(session: Session, ids: set[int], **values: Any) -> None:
    if ids:
        table = table_of(OutgoingMessage)
        session.connection().execute(update(table).where(table.c.id.in_(sorted(ids))).values(**values))


def _of_lane(state: OutgoingState, lane: Lane, until: datetime, limit: int) -> Any:
    chosen = select(*_COLUMNS).where(_m.state == state, _m.lane_rank == lane.rank, _m.next_attempt_at <= until)
    return skip_locked(chosen.order_by(_m.next_attempt_at, _m.id).limit(limit))


def _recipients_of(session: Session, ids: Sequence[int]) -> dict[int, list[PendingRecipient]]:
    found: dict[int, list[PendingRecipient]] = {}
    if ids:
        table = table_of(Recipient).c
        asked = select(table.id, table.outgoing_id, table.address, table.is_bcc, table.state, table.reply_code)
        for key, outgoing_id, address, is_bcc, state, code in session.connection().execute(
            asked.where(table.outgoing_id.in_(ids)).order_by(table.id)
        ):
            found.setdefault(outgoing_id, []).append(PendingRecipient(key, address, is_bcc, state, code))
    return found


def _due(row: Row[Any], recipients: tuple[PendingRecipient, ...]) -> Due:
    return Due(
        id=row.id,
        message_id=row.message_id,
        state=row.state,
        lane_rank=row.lane_rank,
        sender=row.sender if row.has_sender else None,
        header_from=row.header_from,
        size=row.size,
        mailbox_id=row.mailbox_id,
        sent_by_id=row.sent_by_id,
        notify=row.notify,
        created_at=row.created_at,
        expires_at=row.expires_at,
        attempts=row.attempts,
        uncertain_since=row.uncertain_since,
        last_error=row.last_error,
        fence=row.fence,
        recipients=recipients,
    )
