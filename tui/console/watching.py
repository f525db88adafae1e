"""A thread that sees which topics moved, and tells the event loop in batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from core.errors import PostroomError
from core.services.looking.watching import watch

if TYPE_CHECKING:
    from core.handles import Handles

BATCH = 0.3
"""Seconds between two messages: as often as anyone can read, and cheap over a slow line."""

_AWAY = 2.0
"""Seconds before the database is tried again when it was out of reach."""


class Moved(Message, bubble=False):
    """Something of these topics was written, by any process."""

    def __init__(self, topics: frozenset[str]) -> None:
        super().__init__()
        self.topics = topics

    def can_replace(self, message: Message) -> bool:
        """One that waits takes up the next one's topics."""
        if not isinstance(message, Moved):
            return False
        self.topics |= message.topics
        return True


class Watching:
    """The thread."""

    def __init__(self, handles: Handles, tell: Callable[[Message], object]) -> None:
        self._handles = handles
        self._tell = tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, soon."""
        self._stop.set()
        if self._thread.ident is not None:  # one may leave before the first look
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch()
            except PostroomError as error:
                logging.getLogger("postroom.console").warning("watching: %s", error)
            except Exception:
                logging.getLogger("postroom.console").exception("watching")
            self._stop.wait(_AWAY)

    def _watch(self) -> None:
        watcher = watch(self._handles)
        try:
            while not self._stop.is_set():
                if moved := watcher.wait(1.0, self._stop):
                    self._tell(Moved(frozenset(moved)))
                    self._stop.wait(BATCH)
        finally:
            watcher.close()
