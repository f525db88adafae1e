"""`postroom fetch`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Annotated

from typer import Argument, Context, Option

from core.handles import Handles
from core.inbound.run.closing import RunOutcome
from core.inbound.run.fetch import FetchOptions
from core.inbound.run.rehearse import Rehearsed
from core.runlog import Line
from core.services import access
from core.services.actor import Actor
from core.text import counted, safe_text
from core.workers.fetch_now import FetchSummary, fetch_now, rehearse_now
from tui.cli.opened import opened
from tui.cli.process.signals import orderly_end, while_listening
from tui.cli.told.live import tell_live
from tui.cli.told.output import say, say_failure, write_json
from tui.cli.words.options import Invocation

NO_ACCOUNT = "No account is valid and not paused. To add one: postroom add account NAME type=IMAPS host=… username=…"


def fetch(
    ctx: Context,
    names: Annotated[list[str] | None, Argument(metavar="NAME")] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would be taken in.")] = False,
) -> int:
    """Fetch all valid accounts, or those named, now, whatever their due time or back-off.

    What happens is told live on stderr (with --debug the dialogue too, secrets masked). Ctrl+C finishes the batch in
    hand; a second one ends at once.
    """
    invocation: Invocation = ctx.obj
    if dry_run:
        return _rehearse(invocation, names)
    with orderly_end() as ending, opened(invocation, role="fetch") as (handles, actor):
        access.require(actor, "fetch", "account")
        options = FetchOptions(debug=invocation.debug, listener=tell_failure if invocation.quiet else tell)
        summary = while_listening(lambda: _fetched(handles, actor, names or [], ending.event, options))
    _show(invocation, summary)
    return ending.exit_code or summary.exit_code


def _fetched(
    handles: Handles, actor: Actor, names: list[str], stop: threading.Event, options: FetchOptions
) -> FetchSummary:
    if handles.vault.can_open():
        return fetch_now(handles, names or None, stop=stop, options=options)
    from tui.cli import by_worker  # all of sending comes with it

    return by_worker.fetch(handles, actor, names, stop, options.listener)


def _rehearse(invocation: Invocation, names: list[str] | None) -> int:
    faults = set()
    with opened(invocation, role="fetch") as (handles, actor):
        access.require(actor, "fetch", "account")
        is_any = False
        for one in _rehearsed(invocation, handles, actor, names or []):
            is_any = True
            if isinstance(one, RunOutcome):
                faults.add(one.fault)
                say_failure(f"{one.account}: {one.error}")
            elif invocation.json:
                write_json(one.as_dict())
            else:
                sys.stdout.write(safe_text(_planned(one)) + "\n")
    if not is_any:
        say(invocation, NO_ACCOUNT)
    return 75 if "passing" in faults else 78 if faults else 0


def _rehearsed(
    invocation: Invocation, handles: Handles, actor: Actor, names: list[str]
) -> Iterator[Rehearsed | RunOutcome]:
    if handles.vault.can_open():
        options = FetchOptions(debug=invocation.debug, listener=tell if invocation.debug else None)
        return rehearse_now(handles, names or None, options)
    from tui.cli import by_worker  # all of sending comes with it

    return by_worker.rehearse(handles, actor, names)


def _planned(one: Rehearsed) -> str:
    folder = f" {one.folder}" if one.folder else ""
    large = f", {one.too_large} too large" if one.too_large else ""
    then = {"keep": "left on the server", "delete": "deleted on the server", "move": "moved on the server"}
    return f"{one.account}{folder}: {one.new} to take in, {one.here} here already{large}; then {then[one.after_fetch]}"


def tell(line: Line) -> None:
    """One line of a run, as it happens."""
    took = "" if line.ms is None else f"  {line.ms:.0f} ms"
    mark = {"warning": "! ", "error": "!! "}.get(line.level, "")
    tell_live(f"{line.account}  {line.step:<10}  {mark}{line.text}{took}")


def tell_failure(line: Line) -> None:
    """One line of a run if the run fails by it: all that is told with `--quiet`."""
    if line.level == "error":
        tell(line)


def _show(invocation: Invocation, summary: FetchSummary) -> None:
    if invocation.json:
        write_json(summary.as_dict())
        return
    sys.stdout.write(sentence(summary) + "\n")
    if not summary.accounts:
        say(invocation, NO_ACCOUNT)


def sentence(summary: FetchSummary) -> str:
    """What came of it, in one line."""
    counts = summary.counts
    accounts = counted(summary.accounts, "account")
    failed = f", {summary.failed} failed" if summary.failed else ""
    ends = {
        "records": counts.records, "follow-ups": counts.follow_ups, "bounces": counts.bounces,
        "ignored": counts.ignored, "quarantined": counts.quarantined,
    }  # fmt: skip
    where = ", ".join(f"{name} {number}" for name, number in ends.items() if number)
    return (
        f"{accounts}{failed}: {counts.fetched} taken in{f' ({where})' if where else ''}, {counts.skipped} here already"
        + (f", {counts.too_large} too large" if counts.too_large else "")
        + (f", {counts.acknowledged} deleted or moved" if counts.acknowledged else "")
        + f", {summary.seconds:.2f} s"
    )
