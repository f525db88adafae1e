"""`postroom erase`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse
from core.services.erasing import erasure
from core.services.erasing.erasure import Erasure
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.options import Invocation

_ONE_OR_MORE = (
    ("messages", "message that came in", "messages that came in"),
    ("records", "record loses its title, customer and fields", "records lose their titles, customers and fields"),
    (
        "record_fields",
        "record of others loses what names the address",
        "records of others lose what names the address",
    ),
    (
        "outgoing",
        "message that was sent, with its other recipients",
        "messages that were sent, with their other recipients",
    ),
    ("suppressions", "suppression", "suppressions"),
    ("remarks", "line of a run, an error, an alert or an order", "lines of runs, errors, alerts and orders"),
)
_SHOWN = 8
"""Names of what is left that a person is told; `--json` has all."""

_EACH = 2.0
"""Seconds between two words on how far it is."""


def erase(
    ctx: Context,
    address: Annotated[str, Argument(metavar="ADDRESS", help="The person's e-mail address.")],
    dry_run: Annotated[
        bool, Option("--dry-run", help="Only say what would be removed, and what would be left.")
    ] = False,
    text: Annotated[bool, Option("--text", help="Others' mail that names the address in its text alone, too.")] = False,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Remove what is kept of one person: mail from, to and with an address, data of records. There is no way back."""
    invocation: Invocation = ctx.obj
    if not (dry_run or yes or sys.stdin.isatty()):
        raise Misuse("There is nobody to ask: say --yes to erase, or --dry-run to see what there is.")
    with opened(invocation) as (handles, actor):
        found = erasure.found(handles, actor, address, with_text=text, tell=_progress(invocation))
        there = found.counted
        if not (dry_run or yes) and not there.removes_nothing:
            _tell(invocation, there)
            if not _agrees(address):
                say(invocation, "Nothing was erased.")
                return 0
        is_erased = not dry_run and not there.removes_nothing
        if is_erased:
            erasure.erase(handles, actor, found)
    if invocation.json:
        write_json({"event": "erased" if is_erased else "would erase", **asdict(there)})
        return 0
    if dry_run or yes or there.removes_nothing:
        _tell(invocation, there)
    _tell_the_rest(invocation, there, is_erased=is_erased)
    return 0


def _tell(invocation: Invocation, there: Erasure) -> None:
    if invocation.json:
        return
    for name, one, more in _ONE_OR_MORE:
        if count := there.counts[name]:
            write_line(f"{count:>8}  {one if count == 1 else more}{_besides(there) if name == 'messages' else ''}")
    for left in there.left:
        shown = ", ".join(left.names[:_SHOWN])
        more_of_them = f" and {len(left.names) - _SHOWN:,} more" if len(left.names) > _SHOWN else ""
        write_line(f"    left  {left.kind} {shown}{more_of_them}: {left.why}")


def _besides(there: Erasure) -> str:
    return f" ({there.written} from it; {there.bytes / 1e6:,.1f} MB, {there.quarantined} in quarantine)"


def _tell_the_rest(invocation: Invocation, there: Erasure, *, is_erased: bool) -> None:
    if there.is_empty:
        done = "Nothing is kept of that address. Not looked into:"
    elif is_erased:
        done = "Erased. Not reached:"
    elif there.removes_nothing:
        done = "There was nothing to erase but what is left. Not looked into:"
    else:
        done = "Nothing was erased yet. Not reached by it:"
    say(invocation, done)
    for place in erasure.UNREACHED:
        say(invocation, f"  - {place}")


def _progress(invocation: Invocation) -> Callable[[str, int, int], None]:
    """A line now and then for whoever waits at a terminal: all mail is looked through."""
    last = time.monotonic()

    def tell(what: str, so_much: int, of: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > _EACH:
            last = time.monotonic()
            say(invocation, f"Looking through {what}: {100 * so_much // max(of, 1)} %")

    return tell


def _agrees(address: str) -> bool:
    sys.stderr.write(f"Erase all this of {address!a}, for good? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
