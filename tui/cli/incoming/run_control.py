"""`postroom pause`, `resume` and `stop`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from typer import Argument, Context

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tui.cli.opened import opened
from tui.cli.told.output import say
from tui.cli.words.options import Invocation

_NAMES = Annotated[list[str], Argument(metavar="ACCOUNT")]
_Order = Callable[[Handles, Actor, str], bool | None]


def pause(ctx: Context, names: _NAMES) -> None:
    """Do not fetch these accounts by themselves until they are resumed; a running fetch goes on: postroom stop."""
    _each(ctx.obj, names, accounts.pause, "is paused")


def resume(ctx: Context, names: _NAMES) -> None:
    """Fetch paused accounts again."""
    _each(ctx.obj, names, accounts.resume, "is fetched again")


def stop(ctx: Context, names: _NAMES) -> None:
    """End the running fetch of these accounts after the batch in hand; the next one comes at its time."""
    _each(ctx.obj, names, accounts.stop, "stops after the batch in hand")


def _each(invocation: Invocation, names: list[str], order: _Order, told: str) -> None:
    with opened(invocation) as (handles, actor):
        for name in names:
            accounts.get(handles, actor, name)  # a wrong name in the middle must not leave half done
        for name in names:
            is_done = order(handles, actor, name)
            say(invocation, f"Account {name} {'is not being fetched' if is_done is False else told}.")
