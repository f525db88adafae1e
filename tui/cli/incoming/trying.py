"""`postroom try`."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context, Option

from core import clock
from core.inbound.trial import Tried
from core.services.what_if.trying import LAST, told, tried_as_json, try_text
from core.text import counted
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.files import read_text
from tui.cli.words.options import Invocation


def try_filters(
    ctx: Context,
    file: Annotated[str, Argument(metavar="FILTERS.toml", help="[[filter]] tables; - for stdin.")],
    last: Annotated[int, Option("--last", metavar="N", min=1, help="On how many of the newest messages.")] = LAST,
    every: Annotated[bool, Option("--all", help="Tell also of messages that nothing changes for.")] = False,
) -> None:
    """Try filters on stored messages: where each would end before and after, and the rule that decides.

    Those of the file replace those of the same names, all others stay as they are. Nothing is changed.
    """
    invocation: Invocation = ctx.obj
    text, started = read_text(file), clock.monotonic()
    count = different = 0
    with opened(invocation) as (handles, actor):
        for tried in try_text(handles, actor, text, file, last):
            count += 1
            different += tried.is_different
            if every or tried.is_different:
                (_write_json if invocation.json else _write)(tried)
    seconds = clock.monotonic() - started
    if invocation.json:
        write_json({"event": "summary", "messages": count, "different": different, "seconds": round(seconds, 3)})
    say(invocation, f"{counted(count, 'message')} tried, {different} would come out differently, {seconds:.1f} s.")


def _write_json(tried: Tried) -> None:
    write_json(tried_as_json(tried))


def _write(tried: Tried) -> None:
    which, what, why = told(tried)
    write_line(which)
    write_line(f"    {what}")
    write_line(f"    {why}")
