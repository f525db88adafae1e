"""Alerts told to a command, outside of any transaction: claimed for as long as it may take.

One worker runs it, and a worker that dies in the middle leaves it to the next one.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlmodel import Session

from core import alerts, clock
from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.handles import Handles
from core.handoff.by_command import offer_by_command
from core.models import Alert
from core.workers.telling.notice import Told, document

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

_alert = table_of(Alert)
_log = logging.getLogger("postroom.alerts")


def tell_by_command(handles: Handles, command: str, stop: threading.Event | None = None) -> None:
    """Give the command what it is to be told, one alert after the other."""
    while (one := claim_next(handles)) is not None:
        _run_command(handles, command, one)
        if stop is not None and stop.is_set():
            break


def claim_next(handles: Handles) -> Row[Any] | None:
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
    reception = offer_by_command(command, document(Told.of(row), handles.host), seconds=COMMAND_SECONDS)
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
