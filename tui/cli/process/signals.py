"""Ctrl+C and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

LISTEN = 0.5
"""Seconds after which a signal is heard at the latest."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class OrderlyEnd:
    """Whether somebody asked for an end, and how."""

    event: threading.Event = field(default_factory=threading.Event)
    """Set once the work in hand shall be finished and no more begun."""
    number: int = 0
    """The signal that asked; 0: none did."""

    @property
    def exit_code(self) -> int:
        """128 and the signal; 0 when none came."""
        return 128 + self.number if self.number else 0


@contextmanager
def orderly_end() -> Iterator[OrderlyEnd]:
    """Signals ask for an orderly end within this block; a second one is the system's own, and kills."""
    ending = OrderlyEnd()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        ending.number = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        ending.event.set()

    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:  # nohup asks to be left alone
            signal.signal(number, ask)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def while_listening(work: Callable[[], T]) -> T:
    """Do it in a thread of its own, while this one, the main thread, listens for signals.

    Python hears them in the main thread alone, and one that comes in the very moment in which that begins to wait does
    not wake it: it would be heard when the wait is over. Where all threads ask for the interpreter at once, as at a
    start, that moment lasts for milliseconds. So the main thread waits for nothing but this, a little at a time; nor
    does it hold the lock of the event that a signal sets.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="work") as pool:
        done = pool.submit(work)
        while not done.done():
            wait([done], LISTEN)
        return done.result()


@contextmanager
def leaving_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP leave this block as an exception does, so that all that was opened is closed."""
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
