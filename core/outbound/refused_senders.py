"""Senders that no mailbox may send for: their mail fails, and who reads the notices may be nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from core import alerts
from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingMessage, OutgoingState
from core.outbound.decisions.compose import from_address
from core.text import counted

PREFIX = "sender:"
"""Subjects of these alerts: `sender:boss@example.org`."""

REFUSED = "may not send for this sender"
"""How such a failure is worded; see `outcome.sender_refused_by`."""

TOLD_FOR = timedelta(days=1)
"""How long after the last one."""

MOST = 20
"""Senders that are told of at a time: a program that makes up its addresses is one trouble, not thousands."""

_LOOKED_AT = 1000
_m = table_of(OutgoingMessage)


def tell_refused_senders(handles: Handles, now: datetime) -> None:
    """Open alerts about senders whose mail was refused by all within a day; close those of the others."""
    alerts.settle(handles, PREFIX, _refused(handles, now), now)


def _refused(handles: Handles, now: datetime) -> dict[str, str]:
    asked = (
        select(_m.c.header_from, _m.c.sender, _m.c.last_error)
        .where(
            _m.c.state == OutgoingState.FAILED.value,
            _m.c.settled_at >= now - TOLD_FOR,
            _m.c.last_error.contains(REFUSED, autoescape=True),
        )
        .order_by(_m.c.settled_at)
        .limit(_LOOKED_AT)
    )
    with handles.database.reading() as session:
        rows = session.connection().execute(asked).all()
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(from_address(row.header_from, row.sender).lower() or "nobody", []).append(row.last_error)
    return {PREFIX + who: _text(who, errors) for who, errors in list(found.items())[:MOST]}


def _text(who: str, errors: list[str]) -> str:
    return (
        f"Mail from {who} was refused: {counted(len(errors), 'message')} failed. {errors[-1]} Let the login send as "
        "that address, give it a mailbox of its own with a from-filter, or mend what sends it."
    )
