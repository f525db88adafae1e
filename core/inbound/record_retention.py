"""Records that are kept no longer, and what hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlmodel import Session

from core.db.ages import id_since
from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.inbound.retention import Removed, drop_bytes, fitting, is_done_with, is_to_be_told
from core.models import Delivery, Message, MessageState, OutgoingMessage, Record
from core.outbox.standing import OVER

AT_ONCE = 100
"""Records in one transaction."""

_record, _m, _out, _delivery = (table_of(model) for model in (Record, Message, OutgoingMessage, Delivery))

BLANK = dict.fromkeys(("message_id", "subject", "header_from", "from_address", "header_to"), "")
"""Of a message on a record that is gone, or that was erased, nothing stays but its name on its server and its digest:
it must not come again."""


def records_over(session: Session, before: datetime) -> int | None:
    """Below which id there are records over their retention; `None` if there are none."""
    upto = id_since(session, _record, _record.c.created_at, before)
    return upto if session.connection().execute(_idle(before, upto).limit(1)).first() is not None else None


def forget_records(session: Session, before: datetime, upto: int, why: str) -> Removed:
    """Remove records on which nothing happened since then, a transaction's worth; what stays of messages says `why`.

    With them go the bytes of their messages, who wrote them and about what. What was sent for them is kept as long as
    other mail that was sent.
    """
    rows = fitting(session.connection().execute(skip_locked(_idle(before, upto).limit(AT_ONCE))).all())
    ids = [row.id for row in rows]
    of_these = _m.c.record_id.in_(ids)
    messages: Sequence[int] = session.connection().scalars(select(_m.c.id).where(of_these)).all()
    drop_bytes(session, messages)
    trail = [["retention", "retention.records", why]]
    session.connection().execute(
        update(_m).where(of_these).values({**BLANK, "date": None, "record_id": None, "trail": trail})
    )
    session.connection().execute(update(_out).where(_out.c.record_id.in_(ids)).values(record_id=None))
    session.connection().execute(delete(_delivery).where(_delivery.c.record_id.in_(ids)))
    session.connection().execute(delete(_record).where(_record.c.id.in_(ids)))
    return Removed(tuple(row.number for row in rows), sum(row.size for row in rows))


def _idle(before: datetime, upto: int) -> Select[Any]:
    """What nothing waits for: no reminder, no server, no hand-off, no answer that is still to be sent."""
    sleeps = and_(_record.c.pending_until.is_not(None), _record.c.woken_at.is_(None))
    pending = exists().where(
        _m.c.record_id == _record.c.id, _m.c.state != MessageState.TOO_LARGE.value, ~is_done_with(before)
    )
    unsent = exists().where(
        _out.c.record_id == _record.c.id,
        or_(_out.c.state.not_in(OVER), _out.c.settled_at.is_(None), _out.c.settled_at >= before),
    )
    size = select(func.coalesce(func.sum(_m.c.size), 0)).where(_m.c.record_id == _record.c.id).scalar_subquery()
    return (
        select(_record.c.id, _record.c.number, size.label("size"))
        .where(
            _record.c.id < upto,
            _record.c.updated_at < before,
            ~sleeps,
            ~pending.correlate(_record),
            ~unsent.correlate(_record),
            ~is_to_be_told(_record.c.id).correlate(_record),
        )
        .order_by(_record.c.id)
    )
