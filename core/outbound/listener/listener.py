"""The SMTP listener, as its settings want it: started, moved and stopped while the worker runs.

A way into the outbox for programs on this machine that only speak SMTP. Off by default, on loopback only: there is no
TLS, and whoever reaches it may send.
"""

from __future__ import annotations

import logging
import threading

from core import alerts, clock
from core.errors import PostroomError
from core.handles import Handles
from core.outbound.listener.desk import PASSWORD, Desk
from core.outbound.listener.port import mark_of, occupant_of
from core.outbound.listener.server import ListenerServer, Place

LOOK = 1.0
"""Seconds between two looks at the settings."""

TRY_AGAIN = 5.0
"""Seconds until a port that could not be had is tried again."""

_log = logging.getLogger("postroom.listener")


class Listener:
    """Follows the settings until it is told to stop; used by one thread."""

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop
        self._server: ListenerServer | None = None
        self._mark = mark_of(handles.environment)
        self._trouble: str | None = None
        self._complaint = ""
        self._tries_at = 0.0

    def run(self) -> None:
        """Listen as long as that is wanted."""
        try:
            while not self._stop.is_set():
                try:
                    self.follow()
                    self._complaint = ""
                except PostroomError as error:
                    # Without the database nothing is known of what is wanted: what listens goes on, and answers 451.
                    self._complain(str(error))
                self._stop.wait(LOOK)
        finally:
            self._close()

    def follow(self) -> None:
        """Make it so that what listens is what the settings want."""
        place = self._wanted()
        if self._server is not None and (self._server.place != place or not self._server.is_alive):
            self._close()
        if place is None or self._server is not None:
            self._tell("")
        elif clock.monotonic() >= self._tries_at:
            self._tell(self._open(place))

    def _wanted(self) -> Place | None:
        settings = self._handles.settings().listener
        if not settings.enabled:
            return None
        host = "127.0.0.1" if settings.host == "localhost" else settings.host
        return Place(host, settings.port, settings.username, settings.max_size)

    def _has_password(self) -> bool:
        with self._handles.database.reading() as session:
            return bool(self._handles.vault.fetch(session, *PASSWORD))

    def _open(self, place: Place) -> str:
        """Listen; else the reason, empty if a worker of ours is there already."""
        if place.username and not self._has_password():
            return (
                "The listener has a user name and no password, so it stays closed. "
                "Run: postroom set setting listener.password --password-stdin"
            )
        server = ListenerServer(place, Desk(self._handles), host=self._handles.host, mark=self._mark)
        try:
            server.start()
        except OSError as error:
            self._tries_at = clock.monotonic() + TRY_AGAIN
            return self._why_not(place, error)
        self._server = server
        _log.info("listening on %s", place)
        return ""

    def _why_not(self, place: Place, error: OSError) -> str:
        occupant = occupant_of(place.host, place.port, self._mark, self._handles.environment.home)
        if occupant.is_ours:
            return ""
        if occupant.is_there:
            return (
                f"The listener cannot have {place}: {occupant.listens('there')}. "
                "Stop it, or run: postroom set setting listener.port=NUMBER"
            )
        return f"The listener cannot have {place}: {error.strerror or error}. Change listener.host or listener.port."

    def _tell(self, trouble: str) -> None:
        """Have the alert say what is wrong, or be closed."""
        if trouble == self._trouble:
            return
        if trouble:
            _log.warning("%s", trouble)
        # One alert a machine: the last sign keeps the alerts of a host whose name begins as ours does out of this.
        subject = f"listener:{self._handles.host}:"
        wanted = {f"{subject}smtp": trouble} if trouble else {}
        alerts.settle(self._handles, subject, wanted, clock.utcnow())
        self._trouble = trouble

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            _log.warning("%s", text)
        self._complaint = text

    def _close(self) -> None:
        if self._server is not None:
            self._server.stop()
            _log.info("no longer listening on %s", self._server.place)
            self._server = None
