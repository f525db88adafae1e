"""`postroom explain`."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context, Option

from core.services.what_if.explaining import explained, only_message, outcome_as_json, sentence
from tui.cli.opened import opened
from tui.cli.told.output import write_json, write_line
from tui.cli.words.files import name_of, read_message
from tui.cli.words.options import Invocation


def explain(
    ctx: Context,
    file: Annotated[str, Argument(metavar="FILE", help="A message (.eml); - for stdin.")],
    account: Annotated[str, Option("--account", metavar="NAME", help="By this account's trust and rules.")] = "",
) -> None:
    """What would happen to a message, and why: every stage, the rule that decided, the reason. Nothing is changed."""
    invocation: Invocation = ctx.obj
    raw = only_message(read_message(file), name_of(file))
    with opened(invocation) as (handles, actor):
        outcome = explained(handles, actor, raw, account)
    if invocation.json:
        write_json(outcome_as_json(outcome))
        return
    for step in outcome.trail:
        write_line(f"{step.stage:<10}  {step.rule or '-':<16}  {step.why}")
    for complaint in outcome.complaints:
        write_line(f"complaint   {complaint.what:<16}  {complaint.value}: {complaint.text}")
    write_line(f"=> {sentence(outcome)}")
