"""The end of a console whose terminal is gone: a closed window or a lost line must not leave a process behind.

A signal says so only to some (not after nohup, nor in every session), and then writing to what is gone may already keep
the console from heeding it.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable

GRACE = 3.0
"""Seconds in which the console may still end by itself; nothing is lost after that, as with any process killed."""

EXIT_CODE = 128 + signal.SIGHUP


class TerminalGuard(threading.Thread):
    """Waits for the terminal to hang up; then asks the console to end, and ends it if it does not."""

    def __init__(self, terminal: int, leave: Callable[[], object]) -> None:
        super().__init__(name="terminal-guard", daemon=True)
        self._terminal = terminal
        self._leave = leave
        self._over = threading.Event()

    def run(self) -> None:
        """Wait, without a look in between: the system tells of a hang-up unasked (poll(2), POLLHUP)."""
        poller = select.poll()
        poller.register(self._terminal, 0)
        poller.poll()
        self._leave()
        if not self._over.wait(GRACE):
            os._exit(EXIT_CODE)

    def stand_down(self) -> None:
        """The console has ended; whoever opened it closes the rest in order, however long that takes."""
        self._over.set()
