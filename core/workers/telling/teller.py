"""The part of a worker that tells of alerts; whichever worker comes first tells."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from core import clock
from core.attendance import tell_unattended
from core.errors import StoreError
from core.handles import Handles
from core.workers.telling.by_command import tell_by_command
from core.workers.telling.by_mail import note_and_mail

LOOK = 5.0
"""Seconds between two looks. Nothing is watched: what moves most of the time is no alert, and these can wait."""

LOOK_AROUND = 60.0
"""Seconds between two looks whether anybody does the other half of the work; what the start found stands as long."""

GATHER = timedelta(seconds=10)
"""How long an alert waits for others that open with it: a server that goes down is one mail, not fifty."""

PATIENCE_AFTER_FAULT = 10.0
"""Seconds until the next look after something failed."""

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
        note_and_mail(handles, settings, gather)
    if settings.command:
        tell_by_command(handles, settings.command, stop)
