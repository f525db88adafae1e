"""A worker, or a part of one, in a thread of the test, told to stop at the end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.handles import Handles
from core.workers.loop import run_workers
from tests.waiting import PATIENCE


@contextmanager
def working(handles: Handles) -> Iterator[threading.Event]:
    """A worker that fetches, and waits for new mail; gives the event that tells it to stop."""
    with at_work(lambda stop: run_workers(handles, only="fetch", stop=stop)) as stop:
        yield stop


@contextmanager
def at_work(work: Callable[[threading.Event], object]) -> Iterator[threading.Event]:
    """What goes on until it is told to stop; gives the event that tells it."""
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(stop,))
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(PATIENCE)
    assert not worker.is_alive()
