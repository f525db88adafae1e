"""Before the outbox is looked at: what was handed in meanwhile comes into it."""

from __future__ import annotations

from core.handles import Handles
from core.services.looking import handed_in
from tui.cli.told.output import say
from tui.cli.words.options import Invocation


def take_in(invocation: Invocation, handles: Handles) -> None:
    """Empty the drop folder into the outbox, and say so where not all of it fits."""
    if left := handed_in.take_in(handles):
        say(invocation, left)
