"""A part of the worker: a loop in a thread of its own, and whether it moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from core import clock


class Pulse(threading.Event):
    """The worker's stop, as one loop sees it: by asking whether it shall stop, a loop shows that it moves.

    Loops ask at every turn anyway, and where they wait they say for how long; so none of them has to think of it.
    """

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._all = stop
        self._thread: int | None = None
        self._expected: float | None = None

    def begin(self) -> None:
        """The thread that calls this is the loop's. What others ask is no sign of its life."""
        self._thread = threading.get_ident()

    @property
    def has_begun(self) -> bool:
        """Whether the loop came to its first turn."""
        return self._expected is not None

    def silence(self, now: float) -> float:
        """Seconds since the loop moved, or should have; `now` is the monotonic clock's."""
        return max(0.0, now - self._expected) if self._expected is not None else 0.0

    def is_set(self) -> bool:
        """Whether the worker is to stop."""
        self._moves()
        return self._all.is_set()

    def set(self) -> None:
        """The worker is to stop."""
        self._all.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is to stop, or the time is over."""
        self._moves(inf if timeout is None else timeout)
        try:
            return self._all.wait(timeout)
        finally:
            self._moves()

    def _moves(self, again_in: float = 0.0) -> None:
        if threading.get_ident() == self._thread:
            self._expected = clock.monotonic() + again_in


class Part(threading.Thread):
    """One part of the worker; if it fails for good, the others stop too."""

    def __init__(self, name: str, work: Callable[[threading.Event], object], stop: threading.Event) -> None:
        super().__init__(name=name)
        self._work = work
        self.pulse = Pulse(stop)
        self.error: BaseException | None = None

    def run(self) -> None:
        """Work; what ends it is kept for the one who waits."""
        self.pulse.begin()
        try:
            self._work(self.pulse)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self.error = error
            self.pulse.set()
