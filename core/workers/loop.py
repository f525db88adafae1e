"""The headless worker: fetches what is due, sends what is due, carries out orders, until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from core.attendance import tell_unattended
from core.db.changes import Watcher
from core.db.schema import refuse_migrated
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.workers import seat
from core.workers.collector import spare_the_collector
from core.workers.fetcher import Fetcher
from core.workers.handoff import Handover
from core.workers.health import Heartbeat
from core.workers.idle.idler import Idler
from core.workers.metrics.metrics import Metrics
from core.workers.orders import Order, finish, report, take_orders
from core.workers.part import Part
from core.workers.reporting import Reporting
from core.workers.service_manager import ServiceManager
from core.workers.sign_ins import SignIns
from core.workers.telling.teller import Teller, tell
from core.workers.tester import CarryOut, Tester
from core.workers.upkeep.sweeper import sweep, sweep_on

LOOK = 1.0
"""Seconds between two looks for due accounts when nothing moves."""

PATIENCE_AFTER_FAULT = 2.0
"""Seconds until the next look after the database failed."""

Only = Literal["fetch", "send"]

_log = logging.getLogger("postroom.worker")


def run_workers(
    handles: Handles,
    *,
    only: Only | None = None,
    once: bool = False,
    stop: threading.Event | None = None,
    test: CarryOut | None = None,
    manager: ServiceManager | None = None,
) -> None:
    """Work until `stop` is set, finishing what is in hand; with `once`, do what is due and return.

    Args:
        handles: what this process holds open.
        only: one half of the work.
        once: one pass.
        stop: ends it.
        test: carries out orders to test a connection; without it they are left to other workers.
        manager: who started this process and wants to know how it does.

    Raises:
        SchemaMismatch: the database was migrated while this worker ran.
    """
    stop = stop or threading.Event()
    parts = _parts(handles, stop, only=only, once=once, test=test)
    spare_the_collector()
    if not once:
        # While this worker is not counted yet: that nobody was there for so long is told, though it is over now.
        tell_unattended(handles, handles.settings().alerts.fetch_silence)
    heartbeat = Heartbeat(handles, only or "both")
    heartbeat.start()
    reporting = Reporting(manager or ServiceManager(), parts, stop, works=_told_work(handles, only))
    try:
        for part in parts:
            part.start()
        if not once:
            reporting.start()
        for part in parts:
            part.join()
        if only != "send" and once:
            Handover(handles, stop).run(once=True)  # what the fetch has brought is handed over in the same pass
        if once:
            tell(handles, gather=timedelta(0))
    finally:
        reporting.close()
        heartbeat.close()
    for part in parts:
        if part.error is not None:
            raise part.error


def _parts(
    handles: Handles, stop: threading.Event, *, only: Only | None, once: bool, test: CarryOut | None
) -> list[Part]:
    parts: dict[str, Callable[[threading.Event], object]] = {}
    if only != "send":
        parts["fetch"] = lambda stop: _fetch(handles, stop, once=once)
    if only != "fetch":
        from core.workers.sender import Sender  # all of sending, which a worker that fetches starts without

        parts["send"] = lambda stop: Sender(handles, stop).run(once=once)
    if only == "send" and not once:
        parts["schema"] = lambda stop: _watch_schema(handles, stop)
    if only != "send" and not once:
        parts["handoff"] = lambda stop: Handover(handles, stop).run()
        parts["sweep"] = lambda stop: sweep_on(handles, stop)
    if only != "fetch" and not once:
        from core.outbound.listener.listener import Listener

        parts["listen"] = lambda stop: Listener(handles, stop).run()
    if not once and seat.IS_POSSIBLE:
        parts["seat"] = lambda stop: seat.Seat(handles, stop).run()
    if not once:
        parts["tell"] = lambda stop: Teller(handles, stop).run()
        parts["metrics"] = lambda stop: Metrics(handles, stop).run()
    if test is not None and not once:
        parts["test"] = lambda stop: Tester(handles, stop, test).run()
    return [Part(name, work, stop) for name, work in parts.items()]


def _told_work(handles: Handles, only: Only | None) -> str:
    work = {"fetch": "Fetches", "send": "Sends"}.get(only or "", "Fetches and sends")
    return f"{work}, as {handles.worker_id}."


def _fetch(handles: Handles, stop: threading.Event, *, once: bool) -> None:
    wake = threading.Event()
    fetcher = Fetcher(handles, stop, wake)
    try:
        if once:
            fetcher.fetch_until_done()
            sweep(handles, stop)
            return
        _fetch_on(handles, fetcher, stop, wake)
    finally:
        fetcher.close()


def _fetch_on(handles: Handles, fetcher: Fetcher, stop: threading.Event, wake: threading.Event) -> None:
    watcher = Watcher(handles.database)
    idler = Idler(handles, wake)
    idler.start()
    sign_ins = SignIns(handles, stop)
    orders: list[Order] = []
    try:
        while not stop.is_set():
            try:
                refuse_migrated(handles.database, "this worker")
                fetcher.fetch_due()
                orders += take_orders(handles, ("fetch",))
                while orders:  # one that the database fails at is tried again, and those behind it
                    _carry_out(handles, fetcher, orders[0])
                    del orders[0]
                sign_ins.take()
                watcher.wait(LOOK, stop, wake)
                wake.clear()
            except StoreError as error:
                _log.warning("%s", error)
                stop.wait(PATIENCE_AFTER_FAULT)
    finally:
        idler.close()
        watcher.close()


def _watch_schema(handles: Handles, stop: threading.Event) -> None:
    """The same look for a worker that does not fetch."""
    while not stop.wait(LOOK):
        try:
            refuse_migrated(handles.database, "this worker")
        except StoreError as error:
            _log.warning("%s", error)
            stop.wait(PATIENCE_AFTER_FAULT)


def _carry_out(handles: Handles, fetcher: Fetcher, order: Order) -> None:
    name = order.subject.partition(":")[2]
    try:
        run_id = fetcher.fetch_named(name)
    except PostroomError as error:
        report(handles, order, "fetch", ok=False, detail=str(error))
        finish(handles, order, ok=False)
        return
    is_begun = run_id is not None or name in {"", "*"}
    told = "being fetched" if is_begun else "fetched next, as soon as there is a slot for its server"
    report(handles, order, "fetch", ok=True, detail=told, run_id=run_id)
    finish(handles, order, ok=True)
