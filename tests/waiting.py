"""Waiting for what other threads do, with an end."""

import threading
import time
from collections.abc import Callable
from pathlib import Path


def until(is_so: Callable[[], bool], seconds: float = 15.0) -> float:
    """Wait until something is so; how long it took."""
    began = time.monotonic()
    changed = threading.Event()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not come to pass"
        changed.wait(0.01)
    return time.monotonic() - began


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
