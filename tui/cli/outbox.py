"""`postroom outbox retry`, `cancel`, `hold` and `release`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse, NotFound
from core.handles import Handles
from core.services import outbox
from core.services.actor import Actor
from tui.cli.commands import group
from tui.cli.identifiers import read_ids
from tui.cli.opened import opened
from tui.cli.options import Invocation
from tui.cli.output import say, write_json
from tui.cli.taking_in import take_in

OUTBOX = group("Orders to messages of the outbox.")

_IDS = Annotated[list[str] | None, Argument(metavar="ID…")]
_ALL = Annotated[bool, Option("--all", help="All that it can be done to.")]
_Order = Callable[[Handles, Actor, Sequence[int] | None], int]


@OUTBOX.command("retry")
def retry(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Try messages now, whatever their back-off; --all: those that were tried already."""
    _order(ctx.obj, outbox.retry, "tried now", ids, every=every)


@OUTBOX.command("cancel")
def cancel(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Take messages back that are not sent yet."""
    _order(ctx.obj, outbox.cancel, "cancelled", ids, every=every)


@OUTBOX.command("hold")
def hold(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Keep messages until they are released."""
    _order(ctx.obj, outbox.hold, "held", ids, every=every)


@OUTBOX.command("release")
def release(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Send messages that were held."""
    _order(ctx.obj, outbox.release, "released", ids, every=every)


def _order(invocation: Invocation, order: _Order, done: str, ids: Sequence[str] | None, *, every: bool) -> None:
    if every == bool(ids):
        raise Misuse("Name the messages by ID, or all of them with --all.")
    chosen = None if every else read_ids(ids or (), "outbox")
    with opened(invocation) as (handles, actor):
        take_in(invocation, handles)
        count = order(handles, actor, chosen)
    if chosen and not count:
        raise NotFound(f"None of these messages can be {done}. To see them: postroom list outbox")
    if invocation.json:
        write_json({"event": "done", "messages": count})
    else:
        say(invocation, f"{count} message{'' if count == 1 else 's'} {done}.")
