"""`postroom record set` and `record reply`."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Context

from core.errors import Misuse
from core.services import records, reply
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json
from tui.cli.words.assignments import read_texts

RECORD = group("One record.")


@RECORD.command("set")
def change(
    ctx: Context,
    number: Annotated[str, Argument(metavar="NUMBER")],
    values: Annotated[list[str], Argument(metavar="field=value")],
) -> None:
    """Change a record: state, priority, queue, owner, responsible, title, lock …"""
    given = read_texts(values)
    if not given:
        raise Misuse("Nothing to set: name at least one field=value.")
    with opened(ctx.obj) as (handles, actor):
        records.change(handles, actor, number, given)
    if ctx.obj.json:
        write_json({"event": "changed", "kind": "record", "name": number})
    else:
        say(ctx.obj, f"Record {number} changed.")


@RECORD.command("reply")
def answer(ctx: Context, number: Annotated[str, Argument(metavar="NUMBER")]) -> None:
    """Answer a record: the text comes from stdin, and goes to who wrote last."""
    if sys.stdin.isatty():
        say(ctx.obj, f"Write the answer to record {number}; a line with Ctrl+D alone ends it.")
    text = sys.stdin.buffer.read(reply.LONGEST_TEXT * 4 + 1).decode("utf-8", "replace")
    with opened(ctx.obj) as (handles, actor):
        message_id = reply.reply(handles, actor, number, text)
    if ctx.obj.json:
        write_json({"event": "reply", "record": number, "message_id": message_id})
    else:
        sys.stdout.write(f"{message_id}\n")
