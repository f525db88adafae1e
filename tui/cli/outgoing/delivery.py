"""`postroom delivery retry` and `cancel`."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context, Option

from core.services import deliveries
from tui.cli.commands import group
from tui.cli.outgoing.ordering import Ordered, order_rows

DELIVERY = group("Orders to what is offered to hand-offs.")

_DELIVERIES = Ordered("delivery", "delivery", "deliveries", "all that wait")
_IDS = Annotated[list[str] | None, Argument(metavar="ID")]
_ALL = Annotated[bool, Option("--all", help="All that wait.")]


@DELIVERY.command("retry")
def retry(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Offer deliveries again now, also those that were given up."""
    order_rows(ctx.obj, _DELIVERIES, deliveries.retry, "offered again", ids, every=every)


@DELIVERY.command("cancel")
def cancel(ctx: Context, ids: _IDS = None, every: _ALL = False) -> None:
    """Offer deliveries no longer; what comes after them on their records goes on."""
    order_rows(ctx.obj, _DELIVERIES, deliveries.cancel, "given up", ids, every=every)
