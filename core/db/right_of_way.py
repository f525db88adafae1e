"""Who goes first at SQLite's write lock: whoever writes a row or two, before those that write batch after batch.

All poll for the lock, so that who gets it is chance: with four workers taking in mail one in four batches, and a
single row waits for three others first. So a small writer that did not get the lock at once holds a shared lock on the
database's folder while it waits, and a batch is not begun while anybody holds it, within bounds. It is advice: nothing
is wrong if it does not hold.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LONGEST = 0.1
"""Seconds for which a batch gives way at most: a crowd of small writers must not stop the mail."""

LOOK = 0.001
"""Seconds between two looks meanwhile."""


class RightOfWay:
    """The lock on a database's folder that small writers hold while they wait."""

    def __init__(self, database: Path) -> None:
        self._folder = database.parent
        self._waiting = 0
        self._lock = threading.Lock()
        self._mine = self._opened()
        self._theirs = self._opened()  # a lock belongs to a descriptor: on our own we would not see ourselves wait

    def give_way(self) -> None:
        """Before a batch: wait until no small writer does."""
        ends = time.monotonic() + LONGEST
        while self.is_claimed() and time.monotonic() < ends:
            time.sleep(LOOK)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """While a small writer waits."""
        with self._lock:
            self._waiting += 1
            _flock(self._mine, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    _flock(self._mine, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the folder."""
        for one in (self._mine, self._theirs):
            if one is not None:
                os.close(one)
        self._mine = self._theirs = None

    def is_claimed(self) -> bool:
        """Whether a small writer waits, of any process."""
        if self._theirs is None or not _flock(self._theirs, fcntl.LOCK_EX):
            return self._theirs is not None
        _flock(self._theirs, fcntl.LOCK_UN)
        return False

    def _opened(self) -> int | None:
        # To lock needs no right to write; who may not even read goes without.
        with contextlib.suppress(OSError):
            return os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return None


def _flock(descriptor: int | None, how: int) -> bool:
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
