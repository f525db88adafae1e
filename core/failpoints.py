"""Failpoints: named places where a test may kill, raise or delay, to see that nothing is lost; no-ops otherwise.

`POSTROOM_FAILPOINT=K4:kill@3,K9:raise@1,K2:sleep5,K2:sleep0.1@p0.05` says what happens where: at the n-th time the
place is passed, with a probability, or (without `@`) each time. `K9/fetch:raise@4` counts only in threads whose names
begin so: what others commit meanwhile is chance.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

VARIABLE = "POSTROOM_FAILPOINT"
"""The environment variable that arms them; read when the first place is passed."""

_ORDER = re.compile(r"(\w+)(?:/([\w-]+))?:(kill|raise|sleep(\d+(?:\.\d+)?))(?:@(?:(\d+)|p(0?\.\d+|1)))?")


class FailpointReached(RuntimeError):
    """A failpoint was armed with `raise`."""


@dataclass(frozen=True)
class Order:
    """What is to happen at one place."""

    place: str
    action: str
    """kill, raise or sleep."""
    seconds: float = 0.0
    at: int | None = None
    """Only at the n-th passing, counted from 1."""
    probability: float = 1.0
    thread: str = ""
    """Only in threads whose names begin with this."""


def read_orders(text: str) -> tuple[Order, ...]:
    """Read the orders of the variable; what is no order is a `ValueError`, lest a test arm nothing unnoticed."""
    orders = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _ORDER.fullmatch(part)
        if found is None:
            raise ValueError(f"{VARIABLE}: {part!r} is no failpoint: write K4:kill@3, K9:raise@1 or K2:sleep5@p0.05.")
        place, thread, action, seconds, at, probability = found.groups()
        action = "sleep" if seconds else action
        when = (int(at) if at else None, float(probability or 1), thread or "")
        orders.append(Order(place, action, float(seconds or 0), *when))
    return tuple(orders)


class Failpoints:
    """The orders of one process, and how often the place of each was passed."""

    def __init__(self, orders: tuple[Order, ...]) -> None:
        self._orders = orders
        self._passed: Counter[Order] = Counter()
        self._lock = threading.Lock()

    def passing(self, place: str, thread: str | None = None) -> None:
        """Do what is ordered for this place now, in this thread or for another that waits."""
        if not self._orders:
            return
        name = threading.current_thread().name if thread is None else thread
        for order in self._orders:
            if order.place != place or not name.startswith(order.thread):
                continue
            with self._lock:
                self._passed[order] += 1
                count = self._passed[order]
            if order.at in (None, count) and _falls(order.probability):
                _carry_out(order)


def fp(place: str, *, thread: str | None = None) -> None:
    """Pass a named place, for the thread of that name; nothing happens unless the environment armed it."""
    global _armed  # noqa: PLW0603 - read once, when first needed: importing reads nothing
    if _armed is None:
        _armed = Failpoints(read_orders(os.environ.get(VARIABLE, "")))
    _armed.passing(place, thread)


_armed: Failpoints | None = None


def _falls(probability: float) -> bool:
    import random  # late: only tests come here

    return probability >= 1 or random.random() < probability  # noqa: S311 - chance, not secrecy


def _carry_out(order: Order) -> None:
    if order.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order.action == "sleep":
        time.sleep(order.seconds)
    else:
        raise FailpointReached(f"failpoint {order.place}")
