"""Opening the console, which is imported here and nowhere else in the command line."""

from __future__ import annotations

import os
import signal

from core.handles import Handles
from core.resources.account import ACCOUNT
from core.services.actor import Actor
from core.services.lists.search import count
from tui.cli.opened import opened
from tui.cli.words.options import Invocation


class DemoOffer:
    """What the console is given to offer the demo; once it is wanted the console leaves, as a signal makes it."""

    def __init__(self) -> None:
        self.is_wanted = False

    def __call__(self) -> None:
        """It is wanted."""
        self.is_wanted = True
        os.kill(os.getpid(), signal.SIGTERM)


def open_console(
    invocation: Invocation,
    *,
    read_only: bool = False,
    screen: str = "",
    filter_text: str = "",
    theme: str = "",
    plain_signs: bool = False,
    mouse: bool = True,
    offer: DemoOffer | None = None,
) -> int:
    """Show the console until it is left; gives back the exit code.

    With an `offer`, whoever has no account yet may choose the demo world instead.
    """
    from tui.console.run import run_console

    with opened(invocation, role="console") as (handles, actor):
        return run_console(
            handles,
            actor,
            screen=screen or None,
            filter_text=filter_text,
            read_only=read_only,
            theme=theme or None,
            ascii_only=plain_signs,
            mouse=mouse,
            offer_demo=offer if offer is not None and not _has_accounts(handles, actor) else None,
        )


def _has_accounts(handles: Handles, actor: Actor) -> bool:
    return count(handles, actor, ACCOUNT, at_most=1) > 0
