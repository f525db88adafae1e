"""What a console may need later is imported or read while nobody waits for it, soon after its first screen.

Else it would come from the files of that later moment: whoever upgrades Postroom under an open console would have a
screen end it, with new modules that meet old ones.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import core.services
import tui.console
from tui.console.fault_log import LOG

SETTLING = 1.0
"""Seconds for the first rows to come, and for the first keys."""

PAUSE = 0.02
"""Seconds between two modules. The interpreter's lock knows no priority of threads, but who sleeps does not hold it."""

ELSEWHERE = ("core.vault.key_ring",)
"""What functions import from elsewhere (a test holds this against them)."""


def names() -> Iterator[str]:
    """All modules that a console can come to need. Libraries are left: an upgrade of Postroom seldom touches them."""
    for package in (tui.console, core.services):
        yield from (one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    yield from ELSEWHERE


class WholeProgram:
    """The thread that imports it."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-import", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Go no further than the module in hand."""
        self._stop.set()

    def _run(self) -> None:
        self._stop.wait(SETTLING)
        for name in names():
            if name in sys.modules:
                continue
            if self._stop.wait(PAUSE):
                return
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001 - whoever opens what needs it is told; until then all else works
                LOG.exception("importing %s", name)
        self._read_help()

    def _read_help(self) -> None:
        from core.services.setting_sections import describe

        with suppress(OSError):  # somebody replaces the program just now
            describe(lambda: self._stop.wait(PAUSE))
