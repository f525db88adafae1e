"""Bcc recipients whose relay asked to come again, though their message is over: they go on as messages of their own.

A Bcc recipient never changes its message's state, so nothing would try again for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select, text, update
from sqlmodel import Session

from core.db.alike import database_time, skip_locked
from core.db.bulk import insert_rows, reserve, table_of
from core.models import OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.outbox.enqueue import COUNTER

_AT_ONCE = 100
_OVER = (OutgoingState.SENT, OutgoingState.FAILED, OutgoingState.EXPIRED)
"""What was cancelled is not sent to them either."""
_m, _r, _b = table_of(OutgoingMessage), table_of(Recipient), table_of(OutgoingRaw)

# In the words of the index, or it is not used.
_WAITS = text("recipient.is_bcc AND recipient.state = 'deferred' AND recipient.settled_at IS NULL")

_KEPT = (
    "message_id", "lane", "lane_rank", "sender", "has_sender", "header_from", "subject", "size", "record_id",
    "submitted_by", "created_at", "first_due_at", "expires_at",
)  # fmt: skip
"""What a copy has of its message; with when it was taken in, for its lifetime is the same."""


def is_any_left(session: Session) -> bool:
    """Whether some Bcc recipient waits for a message that is over."""
    return session.connection().execute(_left().limit(1)).first() is not None


def carry_on(session: Session, again: datetime | None = None) -> int:
    """Make each of them a message of its own, to be sent by the same mailbox; gives back how many.

    `again` is when they are tried next; now, unless it is given.
    """
    now = database_time(session)
    rows = session.connection().execute(skip_locked(_left().order_by(_r.c.id).limit(_AT_ONCE))).mappings().all()
    if not rows:
        return 0
    first = reserve(session, COUNTER, len(rows))
    for key, row in enumerate(rows, start=first):
        _copy(session, key, row, again or now)
        said = f"It goes on as message {key}: {row['recipient_text']}"
        handed_on = update(_r).where(_r.c.id == row["recipient_id"]).values(settled_at=now, text=said)
        session.connection().execute(handed_on)
    return len(rows)


def _left() -> Any:
    named = (
        _r.c.id.label("recipient_id"),
        _r.c.outgoing_id,
        _r.c.address.label("recipient_address"),
        _r.c.text.label("recipient_text"),
    )
    return (
        select(*named, _m.c.sent_by_id, *(_m.c[name] for name in _KEPT))
        .join(_m, _m.c.id == _r.c.outgoing_id)
        # Not as a plain column: SQLite would begin with all that was ever sent.
        .where(_WAITS, func.coalesce(_m.c.state, "").in_(_OVER))
    )


def _copy(session: Session, key: int, row: Any, again: datetime) -> None:
    message = {
        **{name: row[name] for name in _KEPT},
        "id": key,
        "state": OutgoingState.QUEUED.value,
        # Who was asked to come again is to come from the same place.
        "mailbox_id": row["sent_by_id"],
        "key": None,
        "notify": False,
        "next_attempt_at": again,
        "last_error": "",
        "attempts": 0,
        "lease_owner": "",
        "fence": 0,
        "handing_over": False,
    }
    insert_rows(session, OutgoingMessage, [message])
    raw = select(literal(key), _b.c.data).where(_b.c.outgoing_id == row["outgoing_id"])
    session.connection().execute(insert(_b).from_select(["outgoing_id", "data"], raw))
    # The mailbox's other Bcc recipients had theirs with the message.
    others = session.connection().scalars(
        select(_r.c.address).where(
            _r.c.outgoing_id == row["outgoing_id"], _r.c.is_bcc.is_(True), _r.c.id != row["recipient_id"]
        )
    )
    own = _recipient(key, row["recipient_address"], is_bcc=False)
    insert_rows(session, Recipient, [own, *(_recipient(key, address, is_bcc=True) for address in others)])


def _recipient(key: int, address: str, *, is_bcc: bool) -> dict[str, Any]:
    return {
        "outgoing_id": key,
        "address": address,
        "is_bcc": is_bcc,
        "state": (OutgoingState.SENT if is_bcc else OutgoingState.QUEUED).value,
        "enhanced_code": "",
        "text": "With the message that this is a copy of." if is_bcc else "",
    }
