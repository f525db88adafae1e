"""A worker's side of tests and dry runs: for people who may not read the key, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from core.db.changes import Watcher
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.protocols.probe import Step
from core.protocols.told_step import DIALOGUE, LONGEST, written_line, written_step
from core.protocols.transcript import Spoken
from core.workers import rehearsed
from core.workers.orders import Order, finish, report, take_orders

KINDS = ("test", rehearsed.KIND)
"""The requests that are taken here."""

LOOK = 1.0
"""Seconds between two looks for orders when nothing moves."""

PATIENCE_AFTER_FAULT = 2.0
"""Seconds until the next look after the database failed."""

CarryOut = Callable[[Handles, int], Iterator[Step | Spoken]]
"""Carries out the order of an id: what a test is stands with the services, which workers do not know."""

_log = logging.getLogger("postroom.tester")


class Tester:
    """Takes orders to test, and to say what a fetch would take in."""

    def __init__(self, handles: Handles, stop: threading.Event, carry_out: CarryOut) -> None:
        self._handles = handles
        self._stop = stop
        self._steps = carry_out

    def run(self) -> None:
        """Take orders until `stop` is set."""
        watcher = Watcher(self._handles.database)
        try:
            while not self._stop.is_set():
                try:
                    for order in take_orders(self._handles, KINDS):
                        # A daemon: a server that hangs does not keep a worker from stopping.
                        name = f"{order.kind}-{order.id}"
                        threading.Thread(target=self.carry_out, args=(order,), name=name, daemon=True).start()
                    watcher.wait(LOOK, self._stop)
                except StoreError as error:
                    _log.warning("%s", error)
                    self._stop.wait(PATIENCE_AFTER_FAULT)
        finally:
            watcher.close()

    def carry_out(self, order: Order) -> None:
        """Do as an order says, telling each step as it comes."""
        try:
            is_well = self._rehearse(order) if order.kind == rehearsed.KIND else self._test(order)
        except PostroomError as error:
            is_well = self._refuse(order, f"{type(error).__name__}: {str(error)[:LONGEST]}")
        except Exception:  # noqa: BLE001 - a fault of ours in one test is told to its person, and ends no worker
            _log.exception("the %s of %s failed", order.kind, order.subject)
            is_well = self._refuse(order, "PostroomError: A fault of ours; the worker's log has the details.")
        finish(self._handles, order, ok=is_well)

    def _test(self, order: Order) -> bool:
        is_well = True
        for step in self._steps(self._handles, order.id):
            if isinstance(step, Spoken):
                report(self._handles, order, DIALOGUE, ok=True, detail=written_line(step))
                continue
            is_well = is_well and step.ok
            report(self._handles, order, step.step, ok=step.ok, detail=written_step(step), ms=step.ms)
        return is_well

    def _rehearse(self, order: Order) -> bool:
        for told in rehearsed.told_plans(self._handles, order.subject.partition(":")[2]):
            report(self._handles, order, "plan", ok=True, detail=told)
        return True

    def _refuse(self, order: Order, why: str) -> bool:
        report(self._handles, order, "refused", ok=False, detail=why)
        return False
