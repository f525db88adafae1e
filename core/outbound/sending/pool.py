"""Connections to relays that wait to be used again: one login serves many messages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from core import clock
from core.outbound.route import Route
from core.protocols.smtp.connection import SmtpConnection

MOST_MESSAGES = 1000
"""Over one connection; then it is opened anew, before a relay takes offence."""

OLDEST = 300.0
"""Seconds from opening to the last use."""

LONGEST_IDLE = 20.0
"""Seconds a connection waits; relays end idle ones, and each takes a place there."""


@dataclass(slots=True)
class Opened:
    """A connection, and whose it is."""

    route: Route
    connection: SmtpConnection
    host: str
    """Where it leads, `host:port`."""
    idle_since: float = 0.0
    has_served: bool = False
    """Whether it was used before: a relay may have ended it meanwhile, which is nobody's fault."""

    @property
    def is_fresh_enough(self) -> bool:
        """Whether another message may go over it."""
        return self.connection.is_usable and self.connection.count < MOST_MESSAGES and self.connection.age < OLDEST

    @property
    def takes_two_more(self) -> bool:
        """Whether another message may go over it, and then one more."""
        return self.is_fresh_enough and self.connection.count + 1 < MOST_MESSAGES


class Pool:
    """The idle connections of one process, by mailbox."""

    def __init__(self) -> None:
        self._idle: dict[int, list[Opened]] = {}
        self._one_by_one: set[tuple[int, tuple[int, int]]] = set()
        self._lock = threading.Lock()

    def borrow(self, route: Route) -> Opened | None:
        """An open connection of this mailbox as it is configured now, if there is one."""
        with self._lock:
            waiting = self._idle.get(route.mailbox_id, [])
            while waiting:
                opened = waiting.pop()
                is_current = opened.route.version == route.version
                if is_current and opened.is_fresh_enough and clock.monotonic() - opened.idle_since < LONGEST_IDLE:
                    opened.has_served = True
                    return opened
                opened.connection.drop()
        return None

    def give_back(self, opened: Opened) -> None:
        """Keep a connection for the next one who needs it."""
        if not opened.is_fresh_enough:
            opened.connection.quit()
            return
        opened.idle_since = clock.monotonic()
        with self._lock:
            self._idle.setdefault(opened.route.mailbox_id, []).append(opened)

    def goes_one_by_one(self, route: Route) -> bool:
        """Whether this mailbox's relay has lost an envelope that was sent ahead; none is sent so any more."""
        return (route.mailbox_id, route.version) in self._one_by_one

    def go_one_by_one(self, route: Route) -> None:
        """Its relay has just lost one."""
        self._one_by_one.add((route.mailbox_id, route.version))

    def tidy(self) -> None:
        """Say goodbye on connections that waited too long."""
        self._quit(lambda opened: clock.monotonic() - opened.idle_since >= LONGEST_IDLE)

    def close(self) -> None:
        """Say goodbye on all that wait."""
        self._quit(lambda opened: True)

    def _quit(self, is_over: Callable[[Opened], bool]) -> None:
        with self._lock:
            leaving = [opened for waiting in self._idle.values() for opened in waiting if is_over(opened)]
            self._idle = {
                key: [opened for opened in waiting if not is_over(opened)] for key, waiting in self._idle.items()
            }
        for opened in leaving:
            opened.connection.quit()
