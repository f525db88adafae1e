"""Urgent messages overtake: while a pass is busy, they are looked for, taken and sent beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from core.db.alike import database_time
from core.errors import CannotWrite, StoreError, StoreFull
from core.handles import Handles
from core.models import Lane
from core.outbound.sending.book import Book
from core.outbox.due import is_any_due
from core.outbox.pick_up import has_mail, pick_up

LOOK = 0.2
"""Seconds between two looks: as often as other processes tell that something moved."""


class UrgentLane(threading.Thread):
    """Lives as long as its pass; what it takes is sent by couriers of its own, or by the first that is free."""

    def __init__(
        self, handles: Handles, book: Book, claim: Callable[[], object], pass_began: Callable[[], datetime | None]
    ) -> None:
        super().__init__(name="urgent-lane", daemon=True)
        self._handles = handles
        self._book = book
        self._claim = claim
        self._pass_began = pass_began
        self._over = threading.Event()
        self._may_pick_up = True

    def run(self) -> None:
        """Look until the pass is over; what goes wrong beyond the database being away ends the pass."""
        while not self._over.wait(LOOK) and not self._book.is_stopping:
            try:
                self._look()
            except StoreError:
                continue  # the pass itself sees whether the database stays away
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the pass
                self._book.fail(error)

    def close(self) -> None:
        """Take nothing any more."""
        self._over.set()
        if self.is_alive():
            self.join()

    def _look(self) -> None:
        if self._may_pick_up and has_mail(self._handles.environment.drop):
            try:
                pick_up(self._handles)
                self._book.summary.left_behind = ""
            except CannotWrite:
                self._may_pick_up = False  # whoever may not read the drop folder leaves it to the worker
            except StoreFull as error:
                self._book.summary.left_behind = str(error)
        with self._handles.database.reading() as session:
            now = database_time(session)
            is_due = is_any_due(session, now, self._pass_began() or now, (Lane.URGENT,))
        if is_due:
            self._claim()
