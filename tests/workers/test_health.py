"""A worker's sign of life goes on as long as the worker does."""

import threading

import pytest

from core.handles import Handles
from core.models import Worker
from core.workers import health
from core.workers.health import Heartbeat
from tests.accounts import ON_SQLITE, rows_of
from tests.waiting import PATIENCE, until


@ON_SQLITE
def test_a_fault_of_ours_ends_one_heartbeat_not_all(
    handles: Handles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    has_failed = threading.Event()
    beating = Heartbeat(handles, "both")
    beat = beating._beat

    def failing() -> None:
        if has_failed.is_set():
            beat()
            return
        has_failed.set()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(health, "HEARTBEAT", 0.01)
    monkeypatch.setattr(beating, "_beat", failing)
    beating.start()
    try:
        [started] = rows_of(handles, Worker, "id")
        until(lambda: rows_of(handles, Worker, "id")[0].heartbeat_at > started.heartbeat_at)
    finally:
        monkeypatch.setattr(health, "HEARTBEAT", PATIENCE)
        beating.close()
    assert has_failed.is_set()
    assert "a fault of ours" in caplog.text
