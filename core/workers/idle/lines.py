"""All connections in IDLE of one worker, watched by one thread."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection

from core import clock
from core.errors import PostroomError, WireError
from core.protocols.imap.idle import Idling
from core.workers.idle.spots import Spot

TICK = 1.0
"""Seconds between two looks at which connections are to be renewed or given up."""

_log = logging.getLogger("postroom.idle")


class IdleLines:
    """Hears what idling connections have to say.

    `heard` and `lost` are called on the watching thread and must return at once.
    """

    def __init__(self, heard: Callable[[Spot], None], lost: Callable[[Spot, PostroomError], None]) -> None:
        self._heard, self._lost = heard, lost
        self._lines: dict[Spot, Idling] = {}
        self._orders: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="idle-lines", daemon=True)

    def __len__(self) -> int:
        return len(self._lines)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def add(self, spot: Spot, line: Idling) -> None:
        """Watch this connection from now on."""
        self._order(lambda: self._add(spot, line))

    def remove(self, spots: Collection[Spot]) -> None:
        """Say goodbye to these."""
        if spots:
            self._order(lambda: self._remove(spots))

    def close(self) -> None:
        """Say goodbye to all and end."""
        self._order(self._end)
        self._thread.join()

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        with contextlib.suppress(BlockingIOError):
            self._ringer.send(b"!")

    def _run(self) -> None:
        looked_at = clock.monotonic()
        while not self._is_closed:
            for key, _ in self._selector.select(TICK):
                if key.data is not None:
                    self._tend(key.data, Idling.hear)
            with contextlib.suppress(BlockingIOError):
                self._bell.recv(4096)
            while self._orders:
                self._orders.popleft()()
            now = clock.monotonic()
            if now - looked_at >= TICK:
                looked_at = now
                for spot in [key for key, line in self._lines.items() if line.acts_at <= now]:
                    self._tend(spot, Idling.act)

    def _tend(self, spot: Spot, do: Callable[[Idling], bool | None]) -> None:
        line = self._lines.get(spot)
        if line is None:
            return
        descriptor = line.fileno()
        try:
            has_news = do(line)
        except WireError as error:
            self._forget(spot, descriptor)
            self._lost(spot, error)
            return
        except Exception:  # noqa: BLE001 - logged, and the connection given up
            # A fault of ours on one line must not make a thousand others deaf.
            _log.exception("account %s, %s: an idling connection ended unexpectedly", *spot)
            self._forget(spot, descriptor)
            line.drop()
            self._lost(spot, PostroomError("An idling connection ended unexpectedly."))
            return
        if has_news:
            self._heard(spot)

    def _add(self, spot: Spot, line: Idling) -> None:
        self._remove((spot,))
        self._lines[spot] = line
        self._selector.register(line.fileno(), selectors.EVENT_READ, spot)
        # What came with the last answer is here already, and no selector tells of it.
        self._tend(spot, Idling.hear)

    def _remove(self, spots: Collection[Spot]) -> None:
        for spot in spots:
            if (line := self._lines.get(spot)) is not None:
                self._forget(spot, line.fileno())
                line.leave()

    def _forget(self, spot: Spot, descriptor: int) -> None:
        del self._lines[spot]
        self._selector.unregister(descriptor)

    def _end(self) -> None:
        self._remove(list(self._lines))
        self._is_closed = True
        self._selector.close()
        self._bell.close()
        self._ringer.close()
