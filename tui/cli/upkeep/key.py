"""`postroom key rotate`."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from core.errors import Misuse
from core.services import keys
from core.text import counted
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.options import Invocation

KEY = group("The key that opens secrets.")


@KEY.callback()
def _group() -> None:
    """The key that opens secrets."""


@KEY.command("rotate")
def rotate(
    ctx: Context,
    drop_old: Annotated[bool, Option("--drop-old", help="Keep no copy of the old key; older backups close.")] = False,
    lost: Annotated[bool, Option("--lost", help="The old key is lost: go on with another one.")] = False,
) -> None:
    """Make a new key and seal every secret and token with it; workers of this machine follow by themselves."""
    if drop_old and lost:
        raise Misuse("--drop-old and --lost do not go together.")
    invocation: Invocation = ctx.obj
    with opened(invocation) as (handles, actor):
        turned = keys.give_up_lost(handles, actor) if lost else keys.rotate(handles, actor, drop_old=drop_old)
    if invocation.json:
        write_json(
            {
                "event": "rotated", "key": turned.key_id, "place": turned.place, "resealed": turned.resealed,
                "left": list(turned.left), "old_key": turned.old_key,
            }
        )  # fmt: skip
        return
    _tell(invocation, turned, is_lost=lost)


def _tell(invocation: Invocation, turned: keys.Turned, *, is_lost: bool) -> None:
    if turned.was_cut_off:
        write_line(f"A rotation that was cut off is finished. The key is {turned.key_id} ({turned.place}).")
    else:
        sealed = counted(turned.resealed, "secret was", "secrets were")
        write_line(f"The key is {turned.key_id} ({turned.place}); {sealed} sealed with it.")
    if turned.old_key:
        say(invocation, f"The old key is kept for old backups: {turned.old_key}. Remove it when none needs it.")
    if turned.left:
        why = "were sealed with the lost key" if is_lost else "did not open and were left as they are"
        say(invocation, f"These {why}; enter them again: {keys.told(turned.left)}")
    if not is_lost:
        say(invocation, "Other machines that use this database need the new key: copy it there.")
