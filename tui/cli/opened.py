"""Opening Postroom for one command, and closing it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from core.gateway import open_gateway
from core.handles import Handles
from core.services.actor import Actor, current_actor
from core.services.journal import tell_journal
from tui.cli.process.endings import complain
from tui.cli.told.command_log import told_to_person
from tui.cli.words.options import Invocation


@contextmanager
def opened(invocation: Invocation, *, role: str = "", anew: bool = False) -> Iterator[tuple[Handles, Actor]]:
    """What this process holds open, and who asks."""
    with told_to_person(invocation), closing(open_gateway(invocation.environment, role=role, anew=anew)) as handles:
        if handles.database.only_read:
            complain(handles.database.only_read)
        tell_journal()
        yield handles, current_actor(handles)
