"""The worker's words to its service manager: that it works, what it does, that it ends, and that its loops move."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core import clock
from core.workers.part import Part
from core.workers.service_manager import PATIENCE, ServiceManager

BEGIN = 0.05
"""Seconds between two looks whether all parts have begun."""

TOLD_EVERY = 60.0
"""Seconds between two looks at the parts where no watchdog asks for more."""


class Reporting(threading.Thread):
    """Tells until the worker stops. Nothing of this is done where no service manager asks for it."""

    def __init__(self, manager: ServiceManager, parts: Sequence[Part], stop: threading.Event, *, works: str) -> None:
        super().__init__(name="reporting", daemon=True)
        self._manager = manager
        self._parts = parts
        self._stopping = stop
        self._works = works
        self._every = manager.watchdog / 2 if manager.watchdog else TOLD_EVERY

    def start(self) -> None:
        """Begin, if there is somebody to tell."""
        if self._manager.address:
            super().start()

    def close(self) -> None:
        """Wait until the end is told; the worker stops by now."""
        if self.is_alive():
            self.join(timeout=PATIENCE)

    def run(self) -> None:
        """Ready, when every part came to its first turn; then a sign of life as often as one is asked for."""
        while not all(part.pulse.has_begun for part in self._parts):
            if self._stopping.wait(BEGIN):
                break
        else:
            self._manager.tell("READY=1", *self._state())
        while not self._stopping.wait(self._every):
            self._manager.tell(*self._state())
        self._manager.tell("STOPPING=1", "STATUS=Finishing what is in hand.")

    def _state(self) -> list[str]:
        """What is told now. Of a worker with a loop that stands still the watchdog hears nothing."""
        now = clock.monotonic()
        still = [(part.name, silence) for part in self._parts if (silence := part.pulse.silence(now)) > self._every]
        if still:
            return [
                f"STATUS=Stuck: {', '.join(f'{name} has not moved for {silence:.0f} s' for name, silence in still)}."
            ]
        return [f"STATUS={self._works}", *(["WATCHDOG=1"] if self._manager.watchdog else [])]
