"""`postroom explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import NoInput
from core.services.what_if.explaining import explained, only_message, outcome_as_json, sentence
from tui.cli.opened import opened
from tui.cli.told.output import write_json, write_line
from tui.cli.words.options import Invocation


def explain(
    ctx: Context,
    file: Annotated[str, Argument(metavar="FILE", help="A message (.eml); - for stdin.")],
    account: Annotated[str, Option("--account", metavar="NAME", help="By this account's trust and rules.")] = "",
) -> None:
    """What would happen to a message, and why: every stage, the rule that decided, the reason. Nothing is changed."""
    invocation: Invocation = ctx.obj
    raw = only_message(read_message(file), "stdin" if file == "-" else file)
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


def read_message(file: str) -> bytes:
    """A message's exact bytes from a file, or from stdin (`-`).

    Raises:
        NoInput: it cannot be read, or holds nothing.
    """
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise NoInput(f"{file} cannot be read: {error.strerror}.") from error
    if not raw:
        raise NoInput(f"{'stdin' if file == '-' else file} is empty: there is no message in it.")
    return raw
