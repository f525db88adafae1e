"""Alerts told by mail: put into the outbox by the transaction that notes them as told, so that there is one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update
from sqlmodel import Session

from core import alerts, clock
from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.errors import BadInput
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Alert, Mailbox, MailboxStatus
from core.outbound import no_mailbox
from core.outbox.enqueue import TOPIC, insert_entries
from core.outbox.entry import read_entry
from core.outbox.probe_mark import ALERT, new_mark
from core.outbox.return_token import made_secret
from core.settings import AlertSettings
from core.text import counted
from core.workers.telling.by_command import COMMAND_SUBJECT
from core.workers.telling.notice import Told, notice

AT_ONCE = 200
"""Alerts told by one mail."""

STALE_AFTER = timedelta(days=1)
"""A mail about an alert that has not left by then is of no use any more."""

_alert, _mailbox, _status = table_of(Alert), table_of(Mailbox), table_of(MailboxStatus)
_log = logging.getLogger("postroom.alerts")


def note_and_mail(handles: Handles, settings: AlertSettings, gather: timedelta) -> None:
    """Note as told what nobody was told of, and put one mail about all of it into the outbox.

    Once the first of them has waited for `gather`, all that are there go with it.
    """
    now = clock.utcnow()
    untold = select(_alert).where(_is_untold()).order_by(_alert.c.id).limit(AT_ONCE)
    with handles.database.reading() as session:
        waiting = [_since(row) for row in session.connection().execute(untold)]
        if not waiting or now - min(waiting) < gather:
            return

    def note(session: Session) -> int:
        one_at_a_time(session, "telling of alerts")
        rows = session.connection().execute(untold).all()
        mailed = [Told.of(row) for row in rows if _is_mailed(row)]
        if settings.to and mailed:
            _put(session, handles, settings, mailed, now)
        for row in rows:
            values: dict[str, Any] = {"told_at": now} if row.closed_at is None else {"closing_told_at": now}
            if settings.command and row.subject != COMMAND_SUBJECT:
                values |= {"command_due": now, "command_tries": 0}
            session.connection().execute(update(_alert).where(_alert.c.id == row.id).values(values))
        return len(rows)

    if count := handles.database.writing(note):
        _log.info("told of %s", counted(count, "alert"))
        handles.changes.moved("alert", TOPIC)


def _is_untold() -> ColumnElement[bool]:
    # What has passed before anyone was told of it is told to nobody.
    return or_(
        and_(_alert.c.closed_at.is_(None), _alert.c.told_at.is_(None)),
        and_(_alert.c.closed_at.is_not(None), _alert.c.told_at.is_not(None), _alert.c.closing_told_at.is_(None)),
    )


def _since(row: Row[Any]) -> datetime:
    at: datetime = row.closed_at or row.opened_at
    return at


def _is_mailed(row: Row[Any]) -> bool:
    """That nothing can be sent is no news for a mail, until it has passed."""
    return row.closed_at is not None or row.subject != no_mailbox.SUBJECT


def _put(session: Session, handles: Handles, settings: AlertSettings, told: Sequence[Told], now: datetime) -> None:
    envelope = OutgoingEnvelope(
        recipients=tuple(settings.to),
        mailbox=_mailbox_that_works(session, settings.mailbox, now),
        lane="urgent",
        expires_at=now + STALE_AFTER,
        notify=False,  # a report that an alert was not delivered would tell nobody who can read it
    )
    try:
        mark = new_mark(made_secret(session), ALERT)
        raw = notice(told, to=settings.to, host=handles.host, now=now, mark=mark)
        entry = read_entry(envelope, raw, host=handles.host, submitted_by="postroom (alerts)")
    except (BadInput, ValueError) as error:
        _log.error("alerts cannot be mailed: %s Mend the setting alerts.to.", error)
        return
    insert_entries(session, [entry], now)


def _mailbox_that_works(session: Session, name: str, now: datetime) -> str:
    """The mailbox that the setting names, or none in particular (any that works) while that one is in trouble."""
    if not name:
        return ""
    asked = (
        select(_mailbox.c.active, _status.c.cooling_until)
        .outerjoin(_status, _status.c.mailbox_id == _mailbox.c.id)
        .where(_mailbox.c.name == name, _mailbox.c.deleted_at.is_(None))
    )
    row = session.connection().execute(asked).first()
    if row is None or not row.active or (row.cooling_until is not None and row.cooling_until > now):
        return ""
    return "" if alerts.open_alerts(session, f"sign-in:mailbox:{name}") else name
