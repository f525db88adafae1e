"""Messages that no mailbox is there for: an alert at once, and another try as soon as one is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session

from core import alerts
from core.db.alike import database_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingMessage
from core.outbound.decisions.pick import GONE
from core.outbound.decisions.roster import Roster
from core.outbound.route import load_standing
from core.outbox.due import WAITING

SUBJECT = "outbox:no mailbox"
"""Of the alert."""

REASON = "no mailbox"
"""What the reason of such a message begins with."""

_MAKE_ONE = "Make a mailbox active, or give one a template with an SMTP server."
_BRING_BACK = (
    "Bring it back within a day (u in the console); or have another one send it: postroom outbox hold ID, then "
    "postroom outbox release ID"
)

_m = table_of(OutgoingMessage)


def is_told(session: Session) -> bool:
    """Whether the alert is open."""
    return bool(alerts.open_alerts(session, SUBJECT))


def tell(handles: Handles) -> None:
    """Have the alert open as long as a message waits for a mailbox, and closed when none does any more."""
    with handles.database.reading() as session:
        why = session.connection().execute(select(_m.c.last_error).where(_is_without()).limit(1)).scalar()
        now = database_time(session)
    text = f"Outgoing mail waits: {why}. {_BRING_BACK if why == GONE else _MAKE_ONE}"
    alerts.settle(handles, SUBJECT, {SUBJECT: text} if why else {}, now)


def try_again(handles: Handles) -> None:
    """Those for whom there is a mailbox by now are due at once."""
    with handles.database.reading() as session:
        roster = load_standing(session).roster
    handles.database.writing(lambda session: _make_due(session, roster))


def _make_due(session: Session, roster: Roster) -> None:
    able = [key for key, mailbox in roster.mailboxes.items() if mailbox.active and mailbox.can_send]
    conditions: list[Any] = [_m.c.mailbox_id.in_(able)]
    if roster.all_tiers:
        conditions.append(_m.c.mailbox_id.is_(None))
    for condition in conditions:
        session.connection().execute(
            update(_m).where(_is_without(), condition).values(next_attempt_at=database_time(session))
        )


def _is_without() -> ColumnElement[bool]:
    return _m.c.state.in_(WAITING) & _m.c.last_error.startswith(REASON)
