"""`postroom where`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from typer import Argument, Context, Option

from core.errors import Misuse
from core.inbound.handed_in import FOLDER
from core.services.looking.where import LIMIT
from core.services.looking.where import where as sightings
from tui.cli.opened import opened
from tui.cli.taking_in import take_in
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.options import Invocation

_DONE = {"keep": "kept", "delete": "deleted", "move": "moved"}
_LARGE = "over the account's max_size"


def where(
    ctx: Context,
    text: Annotated[
        list[str], Argument(metavar="TEXT", help="A Message-ID, sender, recipient, subject, record number or day.")
    ],
    limit: Annotated[int, Option("--limit", metavar="N", min=1, max=10_000, help="The newest N.")] = LIMIT,
) -> None:
    """Everything known of a message, coming in and going out, newest first."""
    invocation: Invocation = ctx.obj
    sought = " ".join(text).strip()
    if not sought:
        raise Misuse("where needs a text: a Message-ID, a sender, a subject, a record's number.")
    with opened(invocation) as (handles, actor):
        take_in(invocation, handles)
        found = sightings(handles, actor, sought, limit=limit)
    for row in found.rows:
        (write_json if invocation.json else _write)(row)
    if not found.rows:
        say(invocation, f"Nothing was seen of {sought!r}.")
    if found.has_more:
        say(invocation, f"These are the newest {limit}. There are more: --limit N.")


def _write(row: Mapping[str, Any]) -> None:
    is_incoming = row["direction"] == "incoming"
    write_line(f"{_time(row['at'])}  {'in ' if is_incoming else 'out'}  {row['state']:<11}  {row['subject'] or '-'}")
    for line in _incoming(row) if is_incoming else _outgoing(row):
        write_line(f"    {line}")


def _incoming(row: Mapping[str, Any]) -> list[str]:
    lines = [f"from {row['header_from'] or 'nobody'}, message {row['id']} {row['message_id']}".rstrip()]
    if row["record"]:
        how = "opened" if row["opened_record"] else "on"
        lines.append(f"{how} record {row['record']}, which is in queue {row['queue']}; why: {row['why']}")
    elif row["reason"] or row["why"]:
        lines.append(row["reason"] or row["why"])
    return [*lines, f"account {row['account']}, folder {row['folder'] or '-'}, {_on_the_server(row)}"]


def _on_the_server(row: Mapping[str, Any]) -> str:
    if (row["folder"], row["uidvalidity"]) == (FOLDER, 0):
        is_here = row["state"] != "too_large"
        return f"taken in by hand {_time(row['acknowledged_at'])}" if is_here else f"not taken in by hand, {_LARGE}"
    if row["acknowledged_at"]:
        return f"{_DONE.get(row['after_fetch'], 'done')} on the server {_time(row['acknowledged_at'])}"
    return f"left on the server, {_LARGE}" if row["state"] == "too_large" else "not yet acknowledged"


def _outgoing(row: Mapping[str, Any]) -> list[str]:
    lines = [f"from {row['sender'] or '-'}, message {row['id']} {row['message_id']}"]
    lines += [f"to {one['address']}: {one['state']} {one['text']}".rstrip() for one in row["recipients"]]
    if row["sent_at"]:
        lines.append(f"sent {_time(row['sent_at'])} by mailbox {row['mailbox']}")
    for one in row["history"]:
        reply = " ".join(str(part) for part in (one["reply_code"], one["enhanced_code"], one["text"]) if part)
        lines.append(
            f"try {one['number']} {_time(one['started_at'])} by {one['mailbox']}: {one['outcome']} {reply}".rstrip()
        )
    return lines


def _time(value: str | None) -> str:
    return f"{datetime.fromisoformat(value).astimezone():%Y-%m-%d %H:%M:%S %Z}" if value else "-"
