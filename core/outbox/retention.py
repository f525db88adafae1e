"""What is over for long is removed: its bytes, recipients and attempts with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, select
from sqlmodel import Session

from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.models import Attempt, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.outbox.standing import OVER

AT_ONCE = 200
"""Messages in one transaction: bytes are given back to the database slowly."""

_m, _r = table_of(OutgoingMessage), table_of(Recipient)
_PARTS = (table_of(OutgoingRaw), table_of(Attempt), _r)


def is_any_over(session: Session, before: datetime) -> bool:
    """Whether `forget_over` would find something."""
    return session.connection().execute(_over(before).limit(1)).first() is not None


def forget_over(session: Session, before: datetime) -> int:
    """Remove messages that came to their end before that; gives how many it were, at most `AT_ONCE`.

    What answers a record stays with it: it is shown there, and what comes back is filed by it. A key that a caller gave
    is free again.
    """
    ids = list(session.connection().scalars(skip_locked(_over(before).order_by(_m.c.created_at).limit(AT_ONCE))))
    remove(session, ids)
    return len(ids)


def remove(session: Session, ids: Sequence[int]) -> None:
    """Remove messages with their bytes, recipients and attempts."""
    for table in _PARTS:
        session.connection().execute(delete(table).where(table.c.outgoing_id.in_(ids)))
    session.connection().execute(delete(_m).where(_m.c.id.in_(ids)))


def is_over() -> ColumnElement[bool]:
    """Of a message: nothing is done with it any more."""
    # A Bcc recipient that is to come later is still to become a message of its own.
    waits = select(_r.c.id).where(
        _r.c.outgoing_id == _m.c.id, _r.c.is_bcc, _r.c.state == OutgoingState.DEFERRED, _r.c.settled_at.is_(None)
    )
    return and_(_m.c.state.in_(OVER), ~waits.correlate(_m).exists())


def _over(before: datetime) -> Select[Any]:
    # The index; what is over was taken in before.
    return select(_m.c.id).where(
        _m.c.created_at < before, _m.c.settled_at < before, _m.c.record_id.is_(None), is_over()
    )
