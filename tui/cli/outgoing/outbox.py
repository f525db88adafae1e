"""`postroom outbox retry`, `cancel`, `hold` and `release`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from typer import Argument, Context, Option

from core.handles import Handles
from core.services import outbox
from core.services.actor import Actor
from tui.cli.commands import group
from tui.cli.outgoing.ordering import Ordered, order_rows
from tui.cli.taking_in import take_in

OUTBOX = group("Orders to messages of the outbox.")

_MESSAGES = Ordered("outbox", "message", "messages", "all of them")
_IDS = Annotated[list[str] | None, Argument(metavar="ID")]
_ALL = Annotated[bool, Option("--all", help="All that it can be done to.")]
_Order = Callable[[Handles, Actor, Sequence[int] | None], int]


@OUTBOX.command("retry")
def retry(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Try messages now, whatever their back-off; --all: those that were tried already."""
    _order(ctx, outbox.retry, "tried now", ids, every=every)


@OUTBOX.command("cancel")
def cancel(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Take messages back that are not sent yet."""
    _order(ctx, outbox.cancel, "cancelled", ids, every=every)


@OUTBOX.command("hold")
def hold(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Keep messages until they are released."""
    _order(ctx, outbox.hold, "held", ids, every=every)


@OUTBOX.command("release")
def release(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Send messages that were held."""
    _order(ctx, outbox.release, "released", ids, every=every)


def _order(ctx: Context, order: _Order, done: str, ids: Sequence[str] | None, *, every: bool) -> None:
    def taken_in_first(handles: Handles, actor: Actor, chosen: Sequence[int] | None) -> int:
        take_in(ctx.obj, handles)
        return order(handles, actor, chosen)

    order_rows(ctx.obj, _MESSAGES, taken_in_first, done, ids, every=every)
