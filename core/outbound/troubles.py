"""Mailboxes that need a person: they go on failing, though their mail may leave by others."""

from __future__ import annotations

import shlex
from datetime import datetime

from sqlalchemy import or_, select

from core import alerts
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Mailbox, MailboxStatus
from core.text import ended

PREFIX = "mailbox:"
"""Subjects of these alerts: `mailbox:desk`."""

MANY = 3
"""Failures in a row that are no chance any more."""


def tell_mailboxes(handles: Handles, now: datetime) -> None:
    """Open alerts about mailboxes that cannot send; close those of mailboxes that can, or that nobody sends by."""
    alerts.settle(handles, PREFIX, _failing(handles), now)


def _failing(handles: Handles) -> dict[str, str]:
    mailbox, status = table_of(Mailbox), table_of(MailboxStatus)
    other = mailbox.alias()
    is_reserve = select(other.c.id).where(
        other.c.failover_id == mailbox.c.id, other.c.active, other.c.deleted_at.is_(None)
    )
    asked = (
        select(mailbox.c.name, status.c.last_error)
        .join(status, status.c.mailbox_id == mailbox.c.id)
        .where(mailbox.c.deleted_at.is_(None), status.c.failures >= MANY, or_(mailbox.c.active, is_reserve.exists()))
    )
    with handles.database.reading() as session:
        rows = session.connection().execute(asked).all()
    return {PREFIX + row.name: _text(row.name, row.last_error) for row in rows}


def _text(name: str, error: str) -> str:
    return (
        f"Mailbox {name} cannot send: {ended(error)} Its mail goes by its failover or others, or waits. "
        f"To find the cause: postroom test mailbox {shlex.quote(name)}"
    )
