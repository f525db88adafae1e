"""`postroom record set`."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context

from core.errors import Misuse
from core.services import records
from tui.cli.assignments import read_assignments
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.output import say

RECORD = group("One record.")


@RECORD.command("set")
def change(
    ctx: Context,
    number: Annotated[str, Argument(metavar="NUMBER")],
    values: Annotated[list[str], Argument(metavar="field=value…")],
) -> None:
    """Change a record: state, priority, queue, owner, responsible, title, lock …"""
    given = read_assignments(values)
    if not given:
        raise Misuse("Nothing to set: name at least one field=value.")
    with opened(ctx.obj) as (handles, actor):
        records.change(handles, actor, number, given)
    say(ctx.obj, f"Record {number} changed.")


@RECORD.callback()
def _keep_the_verb() -> None:
    """A group of one command would lose its verb without this."""
