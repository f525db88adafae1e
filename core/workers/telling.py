"""Telling of alerts, once when they open and once when they have passed: to addresses and to a command.

Whichever worker comes first tells. The mail is put into the outbox by the transaction that notes it as told, so there
is one. The command runs outside of any transaction, claimed for as long as it may take: one worker runs it, and a
worker that dies in the middle leaves it to the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update
from sqlmodel import Session

from core import alerts, clock
from core.attendance import tell_unattended
from core.db.alike import one_at_a_time, skip_locked
from core.db.bulk import table_of
from core.errors import BadInput, StoreError
from core.handles import Handles
from core.handoff.by_command import offer_by_command
from core.mail.envelope import OutgoingEnvelope
from core.models import Alert, Mailbox, MailboxStatus
from core.outbound import no_mailbox
from core.outbox.enqueue import TOPIC, insert_entries
from core.outbox.entry import read_entry
from core.settings import AlertSettings
from core.text import counted
from core.workers.alert_notice import Told, document, notice

LOOK = 5.0
"""Seconds between two looks. Nothing is watched: what moves most of the time is no alert, and these can wait."""

LOOK_AROUND = 60.0
"""Seconds between two looks whether anybody does the other half of the work; what the start found stands as long."""

GATHER = timedelta(seconds=10)
"""How long an alert waits for others that open with it: a server that goes down is one mail, not fifty."""

AT_ONCE = 200
"""Alerts told by one mail."""

STALE_AFTER = timedelta(days=1)
"""A mail about an alert that has not left by then is of no use any more."""

COMMAND_SECONDS = 30.0
"""How long the command may take."""

CLAIMED_FOR = timedelta(seconds=2 * COMMAND_SECONDS)
"""For so long the alert is nobody else's; then whoever had it counts as dead."""

TRIES = 6
"""How often the command is tried: after 1, 2, 4, 8 and 16 minutes again."""

LONGEST_PAUSE = timedelta(minutes=2 ** (TRIES - 2))
"""The last of these waits."""

COMMAND_SUBJECT = "alerts:command"
"""Of the alert that the command itself fails; it is told by mail alone."""

PATIENCE_AFTER_FAULT = 10.0
"""Seconds until the next look after something failed."""

_alert, _mailbox, _status = table_of(Alert), table_of(Mailbox), table_of(MailboxStatus)
_log = logging.getLogger("postroom.alerts")


class Teller:
    """The part of a worker that tells of alerts, until it is told to stop."""

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop

    def run(self) -> None:
        """Tell what there is to tell, again and again."""
        patience = 0.0
        looks_at = clock.monotonic() + LOOK_AROUND
        while not self._stop.wait(patience):
            patience = LOOK
            try:
                if clock.monotonic() >= looks_at:
                    looks_at = clock.monotonic() + LOOK_AROUND
                    tell_unattended(self._handles)
                tell(self._handles, self._stop)
            except StoreError as error:
                _log.warning("%s", error)
                patience = PATIENCE_AFTER_FAULT
            except Exception:  # noqa: BLE001 - logged; mail goes on, though nobody is told of its alerts
                _log.exception("telling of alerts failed")
                patience = PATIENCE_AFTER_FAULT


def tell(handles: Handles, stop: threading.Event | None = None, *, gather: timedelta = GATHER) -> None:
    """Tell of all that nobody was told of yet."""
    settings = handles.settings().alerts
    if settings.to or settings.command:
        _note_and_mail(handles, settings, gather)
    while settings.command and (one := _claimed(handles)) is not None:
        _run_command(handles, settings.command, one)
        if stop is not None and stop.is_set():
            break


# -- the mail -------------------------------------------------------------------------------------------------------


def _note_and_mail(handles: Handles, settings: AlertSettings, gather: timedelta) -> None:
    now = clock.utcnow()
    untold = select(_alert).where(_is_untold()).order_by(_alert.c.id).limit(AT_ONCE)
    with handles.database.reading() as session:
        # With the first that has waited long enough go all that are there.
        waiting = [_since(row) for row in session.connection().execute(untold)]
        if not waiting or now - min(waiting) < gather:
            return

    def note(session: Session) -> int:
        one_at_a_time(session, "telling of alerts")
        rows = session.connection().execute(untold).all()
        mailed = [_told(row) for row in rows if _is_mailed(row)]
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
        raw = notice(told, to=settings.to, host=handles.host, now=now)
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


# -- the command ----------------------------------------------------------------------------------------------------


def _claimed(handles: Handles) -> Row[Any] | None:
    """The next alert to give to the command; for as long as that may take it is nobody else's."""
    now = clock.utcnow()
    due = select(_alert).where(_alert.c.command_due <= now).order_by(_alert.c.command_due, _alert.c.id).limit(1)
    with handles.database.reading() as session:
        if session.connection().execute(due).first() is None:
            return None

    def claim(session: Session) -> Row[Any] | None:
        row = session.connection().execute(skip_locked(due)).first()
        if row is not None:
            mine = update(_alert).where(_alert.c.id == row.id)
            session.connection().execute(mine.values(command_due=now + CLAIMED_FOR))
        return row

    return handles.database.writing(claim)


def _run_command(handles: Handles, command: str, row: Row[Any]) -> None:
    reception = offer_by_command(command, document(_told(row), handles.host), seconds=COMMAND_SECONDS)
    tries = 0 if reception.is_taken else row.command_tries + 1
    if tries:
        _log.warning("alert %s was not taken by the command: %s", row.id, reception.text)
    again = clock.utcnow() + timedelta(minutes=2 ** (tries - 1)) if 0 < tries < TRIES else None
    # What has changed since it was claimed is told anew: that transaction has set `command_due` to its own time.
    claimed_until = _alert.c.command_due > clock.utcnow()
    noted = update(_alert).where(_alert.c.id == row.id, claimed_until).values(command_due=again, command_tries=tries)
    handles.database.writing(lambda session: session.connection().execute(noted))
    if reception.is_taken or tries >= TRIES:
        text = f"The command of the setting alerts.command does not take alerts: {reception.text}"
        alerts.settle(handles, COMMAND_SUBJECT, {COMMAND_SUBJECT: text} if tries else {}, clock.utcnow())


def _told(row: Row[Any]) -> Told:
    return Told(row.id, row.subject, row.text, row.opened_at, row.closed_at)
