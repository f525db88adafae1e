"""A worker's sign of life: a row that names it and a heartbeat that moves."""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session

from core import clock
from core.db import bulk
from core.db.bulk import table_of
from core.errors import StoreError
from core.handles import Handles
from core.models import Worker

HEARTBEAT = 5.0
"""Seconds between two beats."""

FORGOTTEN_AFTER = timedelta(hours=24)
"""For so long the row of a worker stays after its last beat."""

_worker = table_of(Worker)
_log = logging.getLogger("postroom.health")


class Heartbeat:
    """Registers this process as a worker and keeps its heartbeat moving."""

    def __init__(self, handles: Handles, role: str) -> None:
        self._handles = handles
        self._row: dict[str, Any] = {
            "id": handles.worker_id,
            "host": handles.host,
            "pid": os.getpid(),
            "role": role,
            "version": version_of_ours(),
        }
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Appear among the workers."""
        self._row["started_at"] = self._row["heartbeat_at"] = clock.utcnow()
        self._handles.database.writing(lambda session: bulk.upsert(session, Worker, [self._row]))
        self._handles.changes.moved("worker")
        self._thread.start()

    def close(self) -> None:
        """Disappear from among them."""
        self._closed.set()
        self._thread.join(timeout=HEARTBEAT)
        gone = delete(_worker).where(_worker.c.id == self._handles.worker_id)
        self._handles.database.writing(lambda session: session.connection().execute(gone))
        self._handles.changes.moved("worker")

    def _run(self) -> None:
        while not self._closed.wait(HEARTBEAT):
            try:
                self._beat()
            except StoreError as error:
                _log.warning("heartbeat: %s", error)
            except Exception:  # noqa: BLE001 - logged; a worker that goes on working must not look dead for good
                _log.exception("a heartbeat failed")

    def _beat(self) -> None:
        now = clock.utcnow()
        beat = update(_worker).where(_worker.c.id == self._handles.worker_id).values(heartbeat_at=now)
        old = delete(_worker).where(_worker.c.heartbeat_at < now - FORGOTTEN_AFTER)

        def write(session: Session) -> None:
            if not session.connection().execute(beat).rowcount:
                # After the sleep of a machine, whoever wakes first takes the others for dead.
                bulk.upsert(session, Worker, [{**self._row, "heartbeat_at": now}])
            session.connection().execute(old)

        self._handles.database.writing(write)


def version_of_ours() -> str:
    """The version of Postroom that runs; empty where it was not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("postroom")
    except PackageNotFoundError:
        return ""
