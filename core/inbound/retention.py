"""What came in and is kept no longer: the bytes of messages, and what nobody took out of quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select, update
from sqlmodel import Session

from core.db.ages import id_since
from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.models import Account, Delivery, DeliveryState, Message, MessageState, OriginalMessage, Quarantine, RawMessage
from core.models.base import RESTORABLE

AT_ONCE = 200
"""Messages in one transaction."""

BYTES_AT_ONCE = 8 << 20
"""Of them together, as far as one alone is not larger: each page that is given back is touched."""

_CLOCKS_APART = timedelta(hours=1)
_m, _raw, _original = table_of(Message), table_of(RawMessage), table_of(OriginalMessage)
_quarantine, _delivery, _account = table_of(Quarantine), table_of(Delivery), table_of(Account)


@dataclass(frozen=True)
class Removed:
    """What one transaction removed."""

    names: tuple[Any, ...] = ()
    """Ids of messages, numbers of records."""
    bytes: int = 0


def is_done_with(before: datetime) -> ColumnElement[bool]:
    """Of a message: its server was done with it before that, or its account went for good, so that it never will be.

    It is the time the message has been here: when a message was received may be years before it was fetched.
    """
    gone = select(_account.c.id).where(_account.c.deleted_at < before - RESTORABLE - _CLOCKS_APART)
    is_told, is_ours = _m.c.acknowledged_at.is_not(None), _m.c.account_id.is_not(None)
    # Without these tests a row could be neither this nor its contrary.
    return or_(and_(is_told, _m.c.acknowledged_at < before), and_(~is_told, is_ours, _m.c.account_id.in_(gone)))


def bytes_over(session: Session, before: datetime) -> int | None:
    """Below which id there are messages whose bytes are over their retention; `None` if there are none."""
    upto = id_since(session, _m, _m.c.acknowledged_at, before)
    return upto if session.connection().execute(_with_bytes(before, upto).limit(1)).first() is not None else None


def forget_bytes(session: Session, before: datetime, upto: int) -> Removed:
    """Remove the bytes of messages that are over their retention, a transaction's worth of them, oldest first.

    Their rows stay: what a message was, where it ended and why, and that it is known on its server.
    """
    rows = session.connection().execute(skip_locked(_with_bytes(before, upto).limit(AT_ONCE))).all()
    rows = fitting(rows)
    drop_bytes(session, [row.id for row in rows])
    return Removed(tuple(row.id for row in rows), sum(row.size for row in rows))


def is_quarantine_over(session: Session, before: datetime) -> bool:
    """Whether `forget_quarantined` would find something."""
    return session.connection().execute(_abandoned(before).limit(1)).first() is not None


def forget_quarantined(session: Session, before: datetime, why: str) -> Removed:
    """Remove what nobody touched in quarantine since then, as a person would; its rows say `why`."""
    rows = session.connection().execute(skip_locked(_abandoned(before).limit(AT_ONCE))).all()
    rows = fitting(rows)
    ids = [row.id for row in rows]
    drop_bytes(session, ids)
    session.connection().execute(delete(_quarantine).where(_quarantine.c.message_id.in_(ids)))
    gone = {"state": MessageState.IGNORED.value, "trail": [["quarantine", "retention.quarantine", why]]}
    session.connection().execute(update(_m).where(_m.c.id.in_(ids)).values(gone))
    return Removed(tuple(ids), sum(row.size for row in rows))


def fitting(rows: Sequence[Any]) -> Sequence[Any]:
    """As many of these rows, which have a `size`, as one transaction is to remove; one at least."""
    total = 0
    for count, row in enumerate(rows):
        total += row.size
        if count and total > BYTES_AT_ONCE:
            return rows[:count]
    return rows


def drop_bytes(session: Session, ids: Sequence[int]) -> None:
    """The bytes of these messages, edited and as they came."""
    for table in (_raw, _original):
        session.connection().execute(delete(table).where(table.c.message_id.in_(ids)))


def is_to_be_told(record_id: Any, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a hand-off is still to be told of something on that record; what was given up a person may retry."""
    waits = _delivery.c.state != DeliveryState.DELIVERED.value
    return exists().where(_delivery.c.record_id == record_id, waits, *more)


def _with_bytes(before: datetime, upto: int) -> Select[Any]:
    told = is_to_be_told(_m.c.record_id, _delivery.c.message_id == _m.c.id)
    return (
        select(_m.c.id, _m.c.size)
        .join(_raw, _raw.c.message_id == _m.c.id)
        .where(
            _raw.c.message_id < upto,
            _m.c.state != MessageState.QUARANTINED.value,
            is_done_with(before),
            ~told.correlate(_m),
        )
        .order_by(_raw.c.message_id)
    )


def _abandoned(before: datetime) -> Select[Any]:
    edited = exists().where(_original.c.message_id == _m.c.id, _original.c.edited_at >= before)
    return (
        select(_m.c.id, _m.c.size)
        .join(_quarantine, _quarantine.c.message_id == _m.c.id)
        .where(
            _m.c.state == MessageState.QUARANTINED.value,
            _quarantine.c.tried_at < before,
            is_done_with(before),
            ~edited.correlate(_m),
        )
        .order_by(_m.c.id)
    )
