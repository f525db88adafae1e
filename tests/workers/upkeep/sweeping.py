"""A sweep as a worker makes it that has been at work for some time."""

import threading
from datetime import timedelta

from core import clock
from core.handles import Handles
from core.models import Audit
from core.workers.upkeep import sweeper
from tests.services.worlds import put


def note_work(handles: Handles, ago: timedelta = timedelta(hours=2)) -> None:
    """As if something had been written then."""
    put(handles, Audit(at=clock.utcnow() - ago, actor="anna@here", verb="change", kind="work", name="x"))


def sweep(handles: Handles, stop: threading.Event | None = None) -> None:
    note_work(handles)
    sweeper.sweep(handles, stop)
