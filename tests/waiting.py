"""Waiting for what other threads do, with an end."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 180.0
"""Seconds after which something will never be so; waiting long for what does come costs nothing."""


def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    began = time.monotonic()
    changed = threading.Event()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not come to pass"
        changed.wait(0.01)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
