"""Where a worker computes: on one processor, if the machine has a worker for each.

The threads of one interpreter never compute at the same time: they share its lock. Where the lock passes to a thread on
another processor, that one has to be woken, and what both work with moves from cache to cache (D. Beazley,
"Understanding the Python GIL", PyCon 2010). While a processor is free that is worth its price, since TLS, hashing and
SQLite go on without the lock. When each has a worker it is only a price: 200 accounts over two workers took a sixth
longer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence, Set
from pathlib import Path

from sqlalchemy import func, select

from core import clock
from core.db.bulk import table_of
from core.errors import StoreError
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Worker

IS_POSSIBLE = hasattr(os, "sched_setaffinity")
"""Whether the system lets a program choose: Linux does."""

LOOK = 5.0
"""Seconds between two looks at who works on this machine."""

_worker = table_of(Worker)
_log = logging.getLogger("postroom.seat")


def processors_for(pid: int, workers: Sequence[int], allowed: Set[int]) -> Set[int]:
    """Where a process may compute.

    Args:
        pid: the process.
        workers: the pids of all workers of this machine, in an order that all of them know.
        allowed: the processors that it was started with; who started it may have chosen them.
    """
    if pid not in workers or not workers or len(workers) % len(allowed):
        return allowed
    return {sorted(allowed)[workers.index(pid) % len(allowed)]}


class Seat:
    """Follows who works on this machine until it is told to stop; used by one thread."""

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop

    def run(self) -> None:
        """Keep this process where it is best, and let it go at the end."""
        allowed = os.sched_getaffinity(0)
        try:
            while not self._stop.is_set():
                try:
                    keep_to(processors_for(os.getpid(), self._workers(), allowed))
                except StoreError as error:
                    _log.debug("%s", error)
                self._stop.wait(LOOK)
        finally:
            keep_to(allowed)

    def _workers(self) -> list[int]:
        is_ours = (_worker.c.host == self._handles.host) & (_worker.c.heartbeat_at > clock.utcnow() - WORKER_ALIVE_FOR)
        # Two that work in one process share its lock, and are one here.
        pids = select(_worker.c.pid).where(is_ours).group_by(_worker.c.pid)
        with self._handles.database.reading() as session:
            return list(session.connection().scalars(pids.order_by(func.min(_worker.c.started_at), _worker.c.pid)))


def keep_to(processors: Set[int]) -> None:
    """Have all threads of this process compute there; those and the processes that they start do so from the first."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended, or the system does not allow it: nothing is lost
            os.sched_setaffinity(int(thread.name), processors)
