"""Opening the console, which is imported here and nowhere else in the command line."""

from __future__ import annotations

from tui.cli.opened import opened
from tui.cli.options import Invocation


def open_console(
    invocation: Invocation,
    *,
    read_only: bool = False,
    screen: str = "",
    filter_text: str = "",
    theme: str = "",
    plain_signs: bool = False,
    mouse: bool = True,
) -> int:
    """Show the console until it is left; gives back the exit code."""
    from tui.console.app import run_console

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
        )
