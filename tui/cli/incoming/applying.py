"""`postroom apply`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from typer import Argument, Context, Option

from core.services.configuration import stored_rule
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.options import Invocation


def apply(
    ctx: Context,
    account: Annotated[str, Argument(metavar="ACCOUNT")],
    yes: Annotated[bool, Option("--yes", help="Do it; without, it is only counted.")] = False,
) -> None:
    """Do on the server, to what was stored before its rule "after fetching" changed, what the rule says."""
    invocation: Invocation = ctx.obj
    with opened(invocation) as (handles, actor):
        planned = (stored_rule.apply if yes else stored_rule.count)(handles, actor, account)
    if invocation.json:
        write_json({**asdict(planned), "is_ordered": yes})
        return
    write_line(str(planned))
    if not yes:
        say(invocation, f"Nothing is ordered yet. To order it: postroom apply {account} --yes")
