"""`postroom fetch`."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Context

from core.inbound.fetch import FetchOptions
from core.runlog import Line
from core.services import access
from core.text import safe_text
from core.workers.fetcher import FetchSummary, fetch_now
from tui.cli.opened import opened
from tui.cli.options import Invocation
from tui.cli.output import say, write_json
from tui.cli.signals import orderly_end


def fetch(ctx: Context, names: Annotated[list[str] | None, Argument(metavar="[NAME…]")] = None) -> int:
    """Fetch all valid accounts, or those named, now, whatever their due time or back-off.

    What happens is told live on stderr (with --debug the dialogue too, secrets masked). Ctrl+C finishes the batch in
    hand; a second one ends at once.
    """
    invocation: Invocation = ctx.obj
    with orderly_end() as ending, opened(invocation, role="fetch") as (handles, actor):
        access.require(actor, "fetch", "account")
        options = FetchOptions(debug=invocation.debug, listener=None if invocation.quiet else tell)
        summary = fetch_now(handles, names or None, stop=ending.event, options=options)
    _show(invocation, summary)
    return ending.exit_code or summary.exit_code


def tell(line: Line) -> None:
    """One line of a run, as it happens; written whole, because runs tell at once."""
    took = "" if line.ms is None else f"  {line.ms:.0f} ms"
    mark = {"warning": "! ", "error": "!! "}.get(line.level, "")
    sys.stderr.write(safe_text(f"{line.account}  {line.step:<10}  {mark}{line.text}{took}") + "\n")


def _show(invocation: Invocation, summary: FetchSummary) -> None:
    if invocation.json:
        write_json(summary.as_dict())
        return
    sys.stdout.write(sentence(summary) + "\n")
    if not summary.accounts:
        say(invocation, "There is no valid account. To add one: postroom add account NAME type=IMAPS host=… username=…")


def sentence(summary: FetchSummary) -> str:
    """What came of it, in one line."""
    counts = summary.counts
    accounts = f"{summary.accounts} account{'' if summary.accounts == 1 else 's'}"
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
