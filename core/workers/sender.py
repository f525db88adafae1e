"""The sending half of a worker: empties the drop folder and the outbox, whenever something moves."""

from __future__ import annotations

import logging
import threading

from core import clock
from core.db.alike import database_time
from core.db.changes import Watcher
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.models import OutgoingState
from core.outbound.sending.deliver import deliver_due
from core.outbound.sending.ended import Outcome
from core.outbound.sending.pool import Pool
from core.outbound.sending.summary import Summary
from core.outbox.due import is_any_due
from core.outbox.pick_up import has_mail, warn_if_closed
from core.shortage import shortage_of
from core.workers.delivered import told_summary
from core.workers.orders import Order, finish, report, take_orders

LOOK = 1.0
"""Seconds between two looks at the drop folder and the outbox when nothing moves."""

REAP = 15.0
"""Seconds between two looks for messages whose worker was lost, and for settings that hold mail."""

SETTINGS = frozenset({"mailbox", "template", "setting"})
"""Topics: when one of these moves, what waits for a mailbox or was held may go on."""

PATIENCE_AFTER_FAULT = 2.0
"""Seconds until the next look after the database failed."""

_FAULT = "A fault of ours; the worker's log has the details."

_log = logging.getLogger("postroom.sender")


class Sender:
    """Sends what is due until it is told to stop."""

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop
        self._pool = Pool()
        self._next_pass = 0.0

    def run(self, *, once: bool = False) -> Summary:
        """Work until `stop` is set, finishing what is in hand; with `once`, do what is due and return."""
        warn_if_closed(self._handles.environment.drop)
        try:
            return self._pass(stays=False) if once else self._work_on()
        finally:
            self._pool.close()

    def _work_on(self) -> Summary:
        total = Summary()
        orders: list[Order] = []
        watcher = Watcher(self._handles.database)
        try:
            while not self._stop.is_set():
                try:
                    orders += take_orders(self._handles, ("deliver",))
                    done = self._pass(stays=True) if orders or self._has_work() else Summary()
                    total += done
                    while orders:
                        self._answer(orders.pop(), ok=True, detail=told_summary(done))
                    self._pool.tidy()
                    if done.left_behind:
                        _log.warning("%s", done.left_behind)
                        self._stop.wait(PATIENCE_AFTER_FAULT)
                    if watcher.wait(LOOK, self._stop) & SETTINGS:
                        self._next_pass = clock.monotonic()
                except StoreError as error:
                    _log.warning("%s", error)
                    self._stop.wait(PATIENCE_AFTER_FAULT)
                except Exception as error:  # noqa: BLE001 - the one loop that may
                    # A fault of ours ends one pass, not the worker; what was in hand comes back when its lease is over.
                    if (shortage := shortage_of(error)) is not None:
                        _log.warning("a pass over the outbox failed: %s", shortage)
                    else:
                        _log.exception("a pass over the outbox failed")
                    while orders:
                        self._answer(orders.pop(), ok=False, detail=_FAULT)
                    self._stop.wait(PATIENCE_AFTER_FAULT)
        finally:
            watcher.close()
        return total

    def _pass(self, *, stays: bool) -> Summary:
        self._next_pass = clock.monotonic() + REAP
        return deliver_due(self._handles, stop=self._stop, log=_tell, pool=self._pool, stays=stays)

    def _has_work(self) -> bool:
        return (
            clock.monotonic() >= self._next_pass or has_mail(self._handles.environment.drop) or self._is_something_due()
        )

    def _is_something_due(self) -> bool:
        with self._handles.database.reading() as session:
            now = database_time(session)
            return is_any_due(session, now, now)

    def _answer(self, order: Order, *, ok: bool, detail: str) -> None:
        try:
            report(self._handles, order, "deliver", ok=ok, detail=detail)
            finish(self._handles, order, ok=ok)
        except PostroomError as error:
            _log.warning("%s", error)


def _tell(outcome: Outcome) -> None:
    if outcome.waits:
        level = logging.DEBUG  # a hundred thousand may wait for a rate, and nothing is wrong with any
    else:
        level = logging.INFO if outcome.state is OutgoingState.SENT else logging.WARNING
    _log.log(level, "%s", outcome)
