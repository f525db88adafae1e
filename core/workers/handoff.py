"""The part of a worker that hands records over: each hand-off in a thread of its own, none waits for another."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from core import clock
from core.db.changes import Watcher
from core.errors import StoreError
from core.handles import Handles
from core.handoff.deliver import Limits, deliver_handoff
from core.handoff.turns import due_handoffs

LOOK = 1.0
"""Seconds between two looks when nothing moves."""

SLOTS = 32
"""Hand-offs served at once by one worker; one that hangs holds its slot for half a minute, then it rests."""

PATIENCE_AFTER_FAULT = 2.0
"""Seconds until the next look after the database failed."""

_log = logging.getLogger("postroom.handoff")


class Handover:
    """Hands over what is due until it is told to stop."""

    def __init__(self, handles: Handles, stop: threading.Event, *, limits: Limits | None = None) -> None:
        self._handles = handles
        self._stop = stop
        self._limits = limits
        self._pool = ThreadPoolExecutor(SLOTS, thread_name_prefix="handoff")
        self._running: dict[int, Future[int | None]] = {}

    def run(self, *, once: bool = False) -> None:
        """Work until `stop` is set, finishing what is in hand; with `once`, do what is due and return."""
        try:
            if once:
                self.hand_over_due()
                wait(self._running.values())
                self._forget_finished()
            else:
                self._work_on()
        finally:
            self._pool.shutdown(wait=True)

    def hand_over_due(self) -> int:
        """Begin with every hand-off that has something due; gives back how many are served now."""
        self._forget_finished()
        with self._handles.database.reading() as session:
            due = due_handoffs(session, clock.utcnow())
        for handoff_id in due:
            if handoff_id not in self._running:
                self._running[handoff_id] = self._pool.submit(
                    deliver_handoff, self._handles, handoff_id, self._stop, limits=self._limits
                )
        return len(self._running)

    def _work_on(self) -> None:
        watcher = Watcher(self._handles.database)
        try:
            while not self._stop.is_set():
                try:
                    self.hand_over_due()
                    watcher.wait(LOOK, self._stop)
                except StoreError as error:
                    _log.warning("%s", error)
                    self._stop.wait(PATIENCE_AFTER_FAULT)
        finally:
            watcher.close()

    def _forget_finished(self) -> None:
        for handoff_id, future in list(self._running.items()):
            if future.done():
                del self._running[handoff_id]
                error = future.exception()
                if isinstance(error, StoreError):
                    # It passes; what was not settled is offered again.
                    _log.warning("hand-off %s: %s", handoff_id, error)
                elif error is not None:
                    _log.error("hand-off %s: %s", handoff_id, error, exc_info=error)
