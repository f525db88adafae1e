"""A run's connection to its server, and the thread that talks on it while the run does something else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, ParamSpec, TypeVar

from core.inbound.server.hanging import JudgingHangs, JudgingWatch
from core.inbound.server.orders import Orders
from core.protocols.source import Source

P = ParamSpec("P")
T = TypeVar("T")

LOOK = 0.5
"""Seconds of waiting for what was ordered between two looks whether to go on."""


class Connection:
    """A source, and a thread of its own that carries out orders in the order they are given.

    The orders come from one thread, the run's.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._orders = Orders()
        self._last: Future[Any] | None = None
        self._is_passed_on = False
        self.watch = JudgingWatch()
        """Whether its thread has a message in hand over which judging hangs."""

    def order(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have something done on the connection, after what was ordered before."""
        self._last = ordered = self._orders.give(call, *args, **kwargs)
        return ordered

    def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have it done and wait for it: by the caller itself where nothing else is outstanding."""
        if self._last is None or self._last.done():
            return call(*args, **kwargs)
        return self.order(call, *args, **kwargs).result()

    def pass_on(self) -> None:
        """The connection stays open and is somebody else's from now on."""
        self._is_passed_on = True
        self._orders.finish()
        self._orders.has_ended()

    def end(self) -> None:
        """Abandon what is still ordered; the connection is dropped first, so that nothing keeps waiting.

        A thread that hangs over a message, and not at the server, is left behind.
        """
        if not self._is_passed_on:
            self.source.drop()
        self._orders.cancel()
        self._orders.finish()
        with contextlib.suppress(JudgingHangs):
            while not self._orders.has_ended(LOOK):
                self.watch.is_judging(at_end=True)


def came(ordered: Future[T], gives_up: Callable[[], bool]) -> bool:
    """Wait until what was ordered is done; false if it was given up, and is not."""
    while not ordered.done():
        if wait([ordered], LOOK).not_done and gives_up():
            return False
    return True
