"""Showing the console until it is left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.scrollbar import ScrollBarRender

from core.services import access
from tui.console.app import PostroomApp
from tui.console.fault_log import keep_faults
from tui.console.places import place_named
from tui.console.terminal.check import check_terminal
from tui.console.terminal.escape_first import read_escape_first
from tui.console.terminal.guard import TerminalGuard

if TYPE_CHECKING:
    from core.handles import Handles
    from core.services.actor import Actor


def run_console(
    handles: Handles,
    actor: Actor,
    *,
    screen: str | None = None,
    filter_text: str = "",
    read_only: bool = False,
    theme: str | None = None,
    ascii_only: bool = False,
    mouse: bool = True,
    offer_demo: Callable[[], object] | None = None,
) -> int:
    """Show the console until it is left; the exit code.

    Raises:
        Misuse: there is no such screen, or no terminal.
        NotPermitted: the role does not see that screen.
    """
    check_terminal()
    if screen and (kind := place_named(screen).kind):
        access.require(actor, access.SEE, kind)
    keep_faults(handles.environment.home)
    read_escape_first()
    app = PostroomApp(
        handles, actor, screen=screen, filter_text=filter_text, read_only=read_only, theme=theme,
        ascii_only=ascii_only, offer_demo=offer_demo,
    )  # fmt: skip
    if ascii_only:
        # The thumb's ends are drawn with parts of blocks; without them it is whole lines long.
        ScrollBarRender.VERTICAL_BARS = [" "] * len(ScrollBarRender.VERTICAL_BARS)
    guard = TerminalGuard(sys.stdin.fileno(), app.hang_up)
    guard.start()
    app.run(mouse=mouse)
    guard.stand_down()
    return app.return_code or 0
