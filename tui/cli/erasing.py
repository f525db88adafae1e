"""`postroom erase`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse
from core.services import erasure
from core.services.erasure import Erasure
from tui.cli.opened import opened
from tui.cli.options import Invocation
from tui.cli.output import say, write_json, write_line

_ONE_OR_MORE = (
    ("messages", "message that came in", "messages that came in"),
    ("records", "record loses its title, customer and fields", "records lose their titles, customers and fields"),
    (
        "outgoing",
        "message that was sent, with its other recipients",
        "messages that were sent, with their other recipients",
    ),
    ("suppressions", "suppression", "suppressions"),
)


def erase(
    ctx: Context,
    address: Annotated[str, Argument(metavar="ADDRESS", help="The person's e-mail address.")],
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Remove what is kept of one person: mail from and to an address, data of records. There is no way back."""
    invocation: Invocation = ctx.obj
    if not (dry_run or yes or sys.stdin.isatty()):
        raise Misuse("There is nobody to ask: say --yes to erase, or --dry-run to see what there is.")
    with opened(invocation) as (handles, actor):
        there = erasure.found(handles, actor, address)
        if not (dry_run or yes) and not there.is_empty:
            _tell(invocation, there)
            if not _agrees(address):
                say(invocation, "Nothing was erased.")
                return 0
        is_erased = not dry_run and not there.is_empty
        done = erasure.erase(handles, actor, address) if is_erased else there
    if invocation.json:
        write_json({"event": "erased" if is_erased else "would erase", **asdict(done)})
        return 0
    if done.is_empty:
        say(invocation, "Nothing is kept of that address.")
        return 0
    if dry_run or yes:
        _tell(invocation, done)
    say(
        invocation,
        f"{'Erased' if is_erased else 'Nothing was erased yet'}. Not reached{'' if is_erased else ' by it'}:",
    )
    for place in erasure.UNREACHED:
        say(invocation, f"  - {place}")
    return 0


def _tell(invocation: Invocation, there: Erasure) -> None:
    if invocation.json:
        return
    for name, one, more in _ONE_OR_MORE:
        if count := asdict(there)[name]:
            besides = f" ({there.bytes / 1e6:,.1f} MB, {there.quarantined} in quarantine)" if name == "messages" else ""
            write_line(f"{count:>8}  {one if count == 1 else more}{besides}")
    if there.waiting:
        write_line(
            f"{there.waiting:>8}  in the outbox {'is' if there.waiting == 1 else 'are'} still to be sent and "
            f"{'is' if there.waiting == 1 else 'are'} left: cancel first (postroom outbox cancel ID), then erase again"
        )


def _agrees(address: str) -> bool:
    sys.stderr.write(f"Erase all this of {address!a}, for good? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
