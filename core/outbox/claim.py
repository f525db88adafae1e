"""Taking messages to be sent: whose they are from now on, marking what is handed over, and giving them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, null, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.db.leases import Lease
from core.db.prepared import PreparedUpdate, given
from core.models import OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.outbox.due import Due

_m = table_of(OutgoingMessage).c
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
    if not ids:
        return {}
    return {key: data for key, data in session.connection().execute(_BYTES, {"ids": ids})}


def lease_end(now: datetime, seconds: float) -> datetime:
    """Until when a claim made now lasts."""
    return now + timedelta(seconds=seconds)
