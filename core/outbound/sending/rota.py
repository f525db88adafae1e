"""One thread that serves all connections of a pass: whoever has what he waited for goes on to where he waits next.

A thread for each connection would spend more on handing the interpreter's lock to one another, ten times a message,
than on the messages.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from core import clock
from core.outbound.sending.errand import Errand
from core.outbound.sending.page import Page
from core.protocols.steps import SteppedSocket

T = TypeVar("T")

TICK = 0.1
"""Seconds between two looks at whose time is over."""

Awaited = SteppedSocket | Page | Errand[Any]
"""What there is to wait for: a relay's answer, a commit, something done aside."""

Steps = Generator[Awaited, None, T]
"""Something done in steps, between which one waits and others go on."""

Course = Steps[None]
"""All that one courier does."""


class Rota(threading.Thread):
    """Lives as long as its pass."""

    def __init__(self) -> None:
        super().__init__(name="rota", daemon=True)
        self._fail: Callable[[BaseException], None] = lambda error: None
        self._poll = select.poll()
        self._bell_in, self._bell = os.pipe()
        os.set_blocking(self._bell_in, False)
        os.set_blocking(self._bell, False)
        self._poll.register(self._bell_in, select.POLLIN)
        self._newcomers: deque[Course] = deque()
        self._on_wire: dict[int, tuple[Course, SteppedSocket]] = {}
        self._aside: dict[Course, Page | Errand[Any]] = {}
        self._next_look = 0.0
        self._is_closing = False
        self._is_closed = False
        self._ringing = threading.Lock()

    def begin(self, fail: Callable[[BaseException], None]) -> None:
        """Serve; `fail` is told what goes wrong here and not within a course."""
        self._fail = fail
        self.start()

    def join_in(self, course: Course) -> None:
        """Take one more."""
        self._newcomers.append(course)
        self.ring()

    def ring(self) -> None:
        """Something is done that may have been waited for; from any thread."""
        with self._ringing, contextlib.suppress(BlockingIOError):  # it rings already
            if not self._is_closed:
                os.write(self._bell, b"!")

    def finish(self) -> None:
        """Wait until everybody is done."""
        self._is_closing = True
        if self.ident is not None:
            self.ring()
            self.join()

    def close(self) -> None:
        """Let go of the bell; whoever still rings is not heard."""
        with self._ringing:
            self._is_closed = True
            os.close(self._bell_in)
            os.close(self._bell)

    def run(self) -> None:
        """Serve until that is to be finished and everybody is done."""
        try:
            while not self._is_closing or self._newcomers or self._on_wire or self._aside:
                self._serve()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the pass
            self._fail(error)

    def _serve(self) -> None:
        for descriptor, _ in self._poll.poll(TICK * 1000):
            if descriptor == self._bell_in:
                self._answer_bell()
            else:
                self._go_on_from(descriptor)
        if (now := clock.monotonic()) >= self._next_look:
            self._next_look = now + TICK
            for descriptor in [key for key, (_, wire) in self._on_wire.items() if wire.ends <= now]:
                self._go_on_from(descriptor)

    def _answer_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell_in, 4096)
        while self._newcomers:
            self._go_on(self._newcomers.popleft())
        for course in [course for course, awaited in self._aside.items() if awaited.is_done]:
            del self._aside[course]
            self._go_on(course)

    def _go_on_from(self, descriptor: int) -> None:
        if (waiting := self._on_wire.pop(descriptor, None)) is not None:
            self._poll.unregister(descriptor)
            self._go_on(waiting[0])

    def _go_on(self, course: Course) -> None:
        """As far as it comes without waiting."""
        for awaited in course:
            if isinstance(awaited, SteppedSocket):
                descriptor = awaited.fileno()
                if descriptor < 0:
                    continue  # it was closed, as whoever reads from it will find
                self._on_wire[descriptor] = (course, awaited)
                self._poll.register(descriptor, awaited.awaits)
                return
            if isinstance(awaited, Errand):
                awaited.start(self.ring)
            if not awaited.is_done:
                self._aside[course] = awaited
                return
