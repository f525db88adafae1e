"""`postroom intake`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Annotated

from typer import Argument, Context, Option

from core import clock
from core.errors import Misuse, NoInput
from core.inbound.handed_in import HandedIn
from core.services.intake import foreseen, take_in
from core.services.what_if.explaining import outcome_as_json
from core.workers.fetch_now import FetchSummary
from tui.cli.incoming.fetching import sentence, tell, tell_failure
from tui.cli.opened import opened
from tui.cli.process.signals import orderly_end, while_listening
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.files import STDIN
from tui.cli.words.options import Invocation


def intake(
    ctx: Context,
    files: Annotated[list[str] | None, Argument(metavar="FILE|-", help=".eml or mbox; - for stdin.")] = None,
    account: Annotated[str, Option("--account", metavar="NAME", help="The account whose rules hold.")] = "",
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would become of each.")] = False,
) -> int:
    """Take messages in from files or stdin, as if an account had received them; what is here already is skipped.

    An mbox begins with a line "From …"; anything else is one message. Ctrl+C finishes the batch in hand.
    """
    if not account:
        raise Misuse("intake needs --account NAME: by whose rules?")
    invocation: Invocation = ctx.obj
    sources = [_source(name) for name in files or [STDIN]]
    if dry_run:
        return _foresee(invocation, account, sources)
    started = clock.monotonic()
    with orderly_end() as ending, opened(invocation, role="intake") as (handles, actor):
        listener = tell_failure if invocation.quiet else tell
        outcome = while_listening(
            lambda: take_in(handles, actor, account, sources, stop=ending.event, listener=listener)
        )
    summary = FetchSummary(1, outcome.counts, [outcome], clock.monotonic() - started)
    if invocation.json:
        write_json(summary.as_dict())
    else:
        write_line(sentence(summary))
    return ending.exit_code or summary.exit_code


def _foresee(invocation: Invocation, account: str, sources: Sequence[HandedIn]) -> int:
    count = 0
    with opened(invocation) as (handles, actor):
        for one in foreseen(handles, actor, account, sources):
            count += 1
            if invocation.json:
                write_json({"event": "plan", "message": one.name, "here": one.is_here, **outcome_as_json(one.outcome)})
            else:
                write_line(f"{one.name}  {one.subject or '(no subject)'}")
                write_line(f"    {one.told}")
    if not count:
        say(invocation, "There is no message to take in.")
    return 0


def _source(name: str) -> HandedIn:
    if name == STDIN:
        return HandedIn("stdin", _stdin)
    path = Path(name)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise NoInput(f"{name} cannot be read: {error.strerror}. Nothing was taken in.") from error
    return HandedIn(path.name, lambda: path.open("rb"))


def _stdin() -> AbstractContextManager[IO[bytes]]:
    return nullcontext(sys.stdin.buffer)
