"""Opening Postroom for one command, and closing it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.gateway import open_gateway
from core.handles import Handles
from core.services.actor import Actor, current_actor
from core.services.journal import tell_journal
from tui.cli.options import Invocation


@contextmanager
def opened(invocation: Invocation, *, role: str = "", anew: bool = False) -> Iterator[tuple[Handles, Actor]]:
    """What this process holds open, and who asks."""
    handles = open_gateway(invocation.environment, role=role, anew=anew)
    tell_journal()
    try:
        yield handles, current_actor(handles)
    finally:
        handles.close()
