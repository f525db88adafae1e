"""Mail that trickles through the demo world, so that the console is alive."""

from __future__ import annotations

import itertools
import random
import threading

from core.clock import utcnow
from core.errors import PostroomError
from core.gateway import open_gateway
from core.handin import hand_in
from core.handles import Handles
from core.resources.incoming import RECORD
from core.services.actor import current_actor
from core.services.lists.search import matching
from tui.demo.mails import sample_mails
from tui.demo.replies import reply_to
from tui.demo.world import DemoWorld

PACE = 3.0
"""Seconds between two arrivals, about."""


class Traffic(threading.Thread):
    """Delivers a mail every few seconds and answers the records that come of it, until it is stopped."""

    def __init__(self, world: DemoWorld) -> None:
        super().__init__(name="traffic", daemon=True)
        self._world = world
        self._stopped = threading.Event()
        self._numbers = itertools.count(1)
        self._answered_up_to = 0

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._stopped.set()
        self.join(10)

    def run(self) -> None:
        """Go on until somebody stops it."""
        handles = open_gateway(self._world.environment)
        try:
            while not self._stopped.wait(random.uniform(0.5, 1.5) * PACE):  # noqa: S311 - a pace, no secret
                self._world.deliver([self._fresh_mail()])
                self._answer(handles)
        except PostroomError:
            return  # the world is being closed; the console says what it sees
        finally:
            handles.close()

    def _fresh_mail(self) -> bytes:
        mail = random.choice(sample_mails(utcnow()))  # noqa: S311
        # Another Message-ID: the same one would be the same mail.
        return mail.replace(b"Message-ID: <", f"Message-ID: <{next(self._numbers)}.".encode(), 1)

    def _answer(self, handles: Handles) -> None:
        page = matching(handles, current_actor(handles), RECORD, limit=5)
        for record in page.rows:
            if record["id"] > self._answered_up_to and (reply := reply_to(record)):
                hand_in(self._world.environment, *reply)
        self._answered_up_to = max((record["id"] for record in page.rows), default=self._answered_up_to)
