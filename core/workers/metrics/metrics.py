"""Metrics and health, as their settings want them: opened, moved and closed while the worker runs."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from core import alerts, clock
from core.attendance import unattended
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.inbound.disk_guard import shortage
from core.outbound.listener.owner import stranger_at
from core.outbound.listener.port import mark_of
from core.workers.health import version_of_ours

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

    from core.workers.metrics.server import MetricsServer

LOOK = 2.0
"""Seconds between two looks at the settings, and between two tries to have the port."""

_log = logging.getLogger("postroom.metrics")


class Metrics:
    """Follows the settings until it is told to stop; used by one thread.

    One worker of a machine answers for all of its database; when it ends, another takes its place.
    """

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop
        self._server: MetricsServer | None = None
        self._mark = mark_of(handles.environment)
        self._trouble: str | None = None
        self._failed_before = False

    def run(self) -> None:
        """Answer as long as that is wanted."""
        try:
            while not self._stop.is_set():
                try:
                    self.follow()
                except PostroomError as error:
                    # Without the database nothing is known of what is wanted: who asks for health is told of it.
                    _log.debug("%s", error)
                self._stop.wait(LOOK)
        finally:
            self._close()

    def follow(self) -> None:
        """Make it so that what answers is what the settings want."""
        place = self._wanted()
        if self._server is not None and self._server.place != place:
            self._close()
        trouble = "" if place is None or self._server is not None else self._open(place)
        # Once is no trouble yet: another worker may be giving the port back just now.
        self._tell(trouble if self._failed_before else "")
        self._failed_before = bool(trouble)

    def _wanted(self) -> tuple[str, int] | None:
        settings = self._handles.settings().metrics
        return (settings.host, settings.port) if settings.enabled else None

    def _open(self, place: tuple[str, int]) -> str:
        """Answer there; else the reason, empty if a worker of ours does."""
        # Only where it is wanted: it brings 50 ms of imports.
        from core.workers.metrics.server import MetricsServer, is_answered_by

        try:
            server = MetricsServer(place, _registry(self._handles), lambda: problems_of(self._handles), self._mark)
        except OSError as error:
            if (user := stranger_at(*place, self._handles.environment.home)) is not None:
                # The mark everybody can read and repeat; whose program it is nobody can forge.
                return (
                    f"Metrics cannot have {place[0]}:{place[1]}: a program of {user}, who runs no worker of ours, "
                    "listens there. Stop it, or run: postroom set setting metrics.port=NUMBER"
                )
            if is_answered_by(place, self._mark):
                return ""
            return (
                f"Metrics cannot have {place[0]}:{place[1]}: {error.strerror or error}. Stop what listens there, or "
                "run: postroom set setting metrics.port=NUMBER"
            )
        server.start()
        self._server = server
        _log.info("metrics and health on http://%s:%s", *place)
        return ""

    def _tell(self, trouble: str) -> None:
        """Have the alert say what is wrong, or be closed."""
        if trouble == self._trouble:
            return
        if trouble:
            _log.warning("%s", trouble)
        # One alert a machine: the last sign keeps the alerts of a host whose name begins as ours does out of this.
        subject = f"metrics:{self._handles.host}:"
        alerts.settle(self._handles, subject, {f"{subject}http": trouble} if trouble else {}, clock.utcnow())
        self._trouble = trouble

    def _close(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


def problems_of(handles: Handles) -> list[str]:
    """Why Postroom does not do its work, a sentence each; empty: it does.

    A server that refuses us or mail in quarantine is no ill health: those are alerts.
    """
    try:
        waiting = [str(one) for one in unattended(handles, clock.utcnow())]
        short = shortage(handles)
    except StoreError as error:
        return [str(error)]
    return [*waiting, *([short] if short is not None else [])]


def _registry(handles: Handles) -> CollectorRegistry:
    from prometheus_client import Info, ProcessCollector
    from prometheus_client.registry import CollectorRegistry

    from core.workers.metrics.figures import Figures

    registry = CollectorRegistry()
    registry.register(Figures(handles))
    ProcessCollector(registry=registry)
    Info("postroom_build", "Which Postroom it is.", registry=registry).info({"version": version_of_ours()})
    return registry
