"""Ctrl+C and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

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
