"""A worker in a thread of the test, told to stop at the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.handles import Handles
from core.workers.loop import run_workers
from tests.waiting import PATIENCE


@contextmanager
def working(handles: Handles) -> Iterator[threading.Event]:
    """A worker that fetches, and waits for new mail; gives the event that tells it to stop."""
    stop = threading.Event()
    worker = threading.Thread(target=run_workers, args=(handles,), kwargs={"only": "fetch", "stop": stop})
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(PATIENCE)
    assert not worker.is_alive()
