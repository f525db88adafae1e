"""`postroom delivery retry` and `cancel`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse, NotFound
from core.handles import Handles
from core.services import deliveries
from core.services.actor import Actor
from tui.cli.commands import group
from tui.cli.identifiers import read_ids
from tui.cli.opened import opened
from tui.cli.options import Invocation
from tui.cli.output import say, write_json

DELIVERY = group("Orders to what is offered to hand-offs.")

_IDS = Annotated[list[str] | None, Argument(metavar="ID…")]
_ALL = Annotated[bool, Option("--all", help="All that wait.")]


@DELIVERY.command("retry")
def retry(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Offer deliveries again now, also those that were given up."""
    _order(ctx.obj, deliveries.retry, "offered again", ids, every=every)


@DELIVERY.command("cancel")
def cancel(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Offer deliveries no longer; what comes after them on their records goes on."""
    _order(ctx.obj, deliveries.cancel, "given up", ids, every=every)


def _order(
    invocation: Invocation,
    order: Callable[[Handles, Actor, Sequence[int] | None], int],
    done: str,
    ids: Sequence[str] | None,
    *,
    every: bool,
) -> None:
    if every == bool(ids):
        raise Misuse("Name the deliveries by ID, or all that wait with --all.")
    chosen = None if every else read_ids(ids or (), "delivery")
    with opened(invocation) as (handles, actor):
        count = order(handles, actor, chosen)
    if chosen and not count:
        raise NotFound(f"None of these deliveries can be {done}. To see them: postroom list delivery")
    if invocation.json:
        write_json({"event": "done", "deliveries": count})
    else:
        say(invocation, f"{count} deliver{'y' if count == 1 else 'ies'} {'is' if count == 1 else 'are'} {done}.")
