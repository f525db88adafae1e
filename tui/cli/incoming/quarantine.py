"""`postroom quarantine retry`, `release`, `edit`, `export` and `delete`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse
from core.models import MessageState
from core.services import quarantine
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.told.output import say, write_as_it_is, write_json
from tui.cli.words.files import read_message
from tui.cli.words.identifiers import read_ids
from tui.cli.words.options import Invocation
from tui.private_file import write_private

QUARANTINE = group("Messages that could not be processed.")

_IDS = Annotated[list[str], Argument(metavar="ID")]
_SOME = Annotated[list[str] | None, Argument(metavar="ID")]
_ALL = Annotated[bool, Option("--all", help="All that wait in quarantine, the oldest first.")]


@QUARANTINE.command("retry")
def retry(ctx: Context, ids: _SOME = None, every: _ALL = False) -> None:
    """Process messages again, from their exact bytes."""
    if every == bool(ids):
        raise Misuse("Name the messages by ID, or all of them with --all.")
    chosen = read_ids(ids or (), "quarantine")
    with opened(ctx.obj) as (handles, actor):
        for message_id in quarantine.waiting(handles, actor) if every else chosen:
            state = quarantine.retry(handles, actor, message_id)
            text = f"Message {message_id} was processed again: {_ending(message_id, state)}."
            _told(ctx.obj, "retried", message_id, text, state=state)


@QUARANTINE.command("release")
def release(
    ctx: Context,
    ids: _IDS,
    queue: Annotated[str, Option("--queue", metavar="NAME", help="The queue; unless given, the default one.")] = "",
) -> None:
    """File messages in a queue by their headers, without filters."""
    with opened(ctx.obj) as (handles, actor):
        for message_id in read_ids(ids, "quarantine"):
            wanted = queue or handles.settings().default_queue
            state = quarantine.release(handles, actor, message_id, wanted)
            _told(ctx.obj, "released", message_id, f"Message {message_id} was released into {wanted}.", state=state)


@QUARANTINE.command("edit")
def edit(
    ctx: Context,
    message: Annotated[str, Argument(metavar="ID")],
    file: Annotated[str, Argument(metavar="FILE", help="The edited message; - for stdin.")],
) -> None:
    """Replace a message's bytes by edited ones, to be retried or released; what came is kept (raw ID --original)."""
    (message_id,) = read_ids([message], "quarantine")
    edited = read_message(file)
    with opened(ctx.obj) as (handles, actor):
        quarantine.edit(handles, actor, message_id, edited)
    text = f"Message {message_id} was replaced. Now: postroom quarantine retry {message_id}"
    _told(ctx.obj, "edited", message_id, text, state=MessageState.QUARANTINED)


@QUARANTINE.command("export")
def export(
    ctx: Context,
    ids: _IDS,
    to: Annotated[str, Option("--to", metavar="DIR", help="A folder; unless given, one message to stdout.")] = "",
) -> None:
    """Write messages' exact bytes, as ID.eml into a folder, or one to stdout."""
    numbers = read_ids(ids, "quarantine")
    with opened(ctx.obj) as (handles, actor):
        for message_id in numbers:
            data = quarantine.export(handles, actor, message_id)
            if to or len(numbers) > 1:
                write_private(Path(to or ".") / f"{message_id}.eml", data)
            else:
                write_as_it_is(data)


@QUARANTINE.command("delete")
def delete(ctx: Context, ids: _IDS) -> None:
    """Delete messages for good."""
    with opened(ctx.obj) as (handles, actor):
        for message_id in read_ids(ids, "quarantine"):
            quarantine.delete(handles, actor, message_id)
            _told(ctx.obj, "deleted", message_id, f"Message {message_id} was deleted.", state=MessageState.IGNORED)


def _told(invocation: Invocation, event: str, message_id: int, text: str, *, state: MessageState) -> None:
    if invocation.json:
        write_json({"event": event, "id": message_id, "state": state.value})
    else:
        say(invocation, text)


def _ending(message_id: int, state: MessageState) -> str:
    if state is MessageState.QUARANTINED:
        return f"it stays in quarantine, and postroom show quarantine {message_id} says why"
    return f"{state}"
