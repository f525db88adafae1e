"""The disk guard: with too little room left, fetching stops; mail waits on its servers, and sending goes on."""

from __future__ import annotations

import logging

from core import alerts, clock
from core.data_folder import free_bytes
from core.handles import Handles
from core.settings import write_size

SUBJECT = "disk"
"""Of the alert that fetching waits for room."""

LOOK_EVERY = 1.0
"""Seconds between two looks, where many ask."""

_log = logging.getLogger("postroom.fetcher")


def shortage_of(free: int, least: int, place: str) -> str | None:
    """Why nothing is fetched, if `free` bytes are too few; the text stays the same while it is so."""
    if free >= least:
        return None
    return (
        f"The disk of {place} has less than {write_size(least)} left (setting min_free_disk), so nothing is fetched; "
        "mail waits on its servers, and sending goes on. Free some space."
    )


class DiskGuard:
    """Looks after the room that one process's fetching needs."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._looked = clock.Deadline(0.0)
        self._shortage: str | None = None

    def shortage(self) -> str | None:
        """Why fetching must wait, if it must; seen anew once a second."""
        if self._looked.is_over():
            before, self._shortage = self._shortage, shortage(self._handles)
            self._looked = clock.Deadline(LOOK_EVERY)
            if self._shortage is not None and before is None:
                _log.warning("%s", self._shortage)
            elif before is not None and self._shortage is None:
                _log.info("There is room on the disk again: fetching goes on.")
        return self._shortage


def shortage(handles: Handles) -> str | None:
    """Why fetching must wait, if it must, as it is now.

    With PostgreSQL what is fetched fills a disk that cannot be seen from here.
    """
    environment = handles.environment
    if not environment.is_sqlite:
        return None
    folder = environment.database_file.parent
    return shortage_of(free_bytes(folder), handles.settings().min_free_disk, str(folder))


def tell_shortage(handles: Handles) -> None:
    """Open an alert while fetching waits for room, close it when there is room again."""
    text = shortage(handles)
    alerts.settle(handles, SUBJECT, {SUBJECT: text} if text else {}, clock.utcnow())
