"""`postroom deliver` and `postroom route`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import BadInput, Misuse
from core.handles import Handles
from core.outbound.sending.deliver import deliver_due
from core.outbound.sending.ended import Outcome
from core.outbound.sending.summary import Summary
from core.services import access
from core.services.actor import Actor
from core.services.doctor.waiting_mail import why_nothing_leaves
from core.services.what_if.route import Simulated, simulate, told
from tui.cli import by_worker
from tui.cli.opened import opened
from tui.cli.process.signals import orderly_end, while_listening
from tui.cli.told.live import tell_live
from tui.cli.told.output import say, say_failure, write_json, write_line
from tui.cli.words.options import Invocation

_PASSING, _CONFIGURATION = 75, 78


def deliver(ctx: Context) -> int:
    """Send what is due now. Ctrl+C finishes the messages that are begun; a second one ends at once."""
    invocation: Invocation = ctx.obj
    with orderly_end() as ending, opened(invocation, role="deliver") as (handles, actor):
        access.require(actor, "deliver", "outbox")
        log = None if invocation.quiet else _tell
        summary = while_listening(lambda: _delivered(handles, actor, ending.event, log))
        waiting = why_nothing_leaves(handles) if summary.is_empty else []
    for mailbox, fault in summary.faults.items():
        say_failure(f"Mailbox {mailbox} cannot send: {fault.text}")
    if summary.left_behind:
        say_failure(summary.left_behind)
    _show(invocation, summary)
    for each in waiting:
        say(invocation, each)
    return ending.exit_code or exit_code_of(summary)


def _delivered(handles: Handles, actor: Actor, stop: threading.Event, log: Callable[[Outcome], None] | None) -> Summary:
    if handles.vault.can_open():
        return deliver_due(handles, stop=stop, log=log)
    return by_worker.deliver(handles, actor, stop)


def exit_code_of(summary: Summary) -> int:
    """75 if a mailbox failed for a passing reason, or not all could be taken in, else 78 for configuration, else 0.

    That a message is deferred is no failure: it is tried again by itself.
    """
    faults = [fault.is_configuration for fault in summary.faults.values()]
    if not all(faults) or summary.left_behind:
        return _PASSING
    return _CONFIGURATION if faults else 0


def route(
    ctx: Context,
    sender: Annotated[str, Option("--from", metavar="ADDR", help="The From address.")],
    recipient: Annotated[str, Option("--to", metavar="ADDR", help="The recipient.")],
    down: Annotated[list[str] | None, Option("--down", metavar="NAME", help="As if these mailboxes were down.")] = None,
    more: Annotated[list[str] | None, Argument(metavar="NAME", help="More mailboxes of --down.")] = None,
) -> None:
    """Which mailbox would send a message now, and which ones after it; takes no turn."""
    invocation: Invocation = ctx.obj
    if more and not down:
        raise Misuse(f"{more[0]!r} is too much: --from and --to take one address each.")
    without = [*(down or ()), *(more or ())]
    with opened(invocation) as (handles, actor):
        try:
            simulated = simulate(handles, actor, sender, recipient, without)
        except ValueError as error:
            raise BadInput(str(error)) from error
    (_show_route_as_json if invocation.json else _show_route)(simulated)


def _tell(outcome: Outcome) -> None:
    by = f" by {outcome.mailbox}" if outcome.mailbox else ""
    text = f"  {outcome.text}" if outcome.text else ""
    tell_live(f"{outcome.message_id}  {outcome.state}{by}{text}")


def _show(invocation: Invocation, summary: Summary) -> None:
    counts = summary.as_dict()
    if invocation.json:
        write_json({"event": "summary", **counts})
        return
    told = [f"{number} {name}" for name, number in counts.items() if number and name not in {"sent", "seconds"}]
    write_line(f"{', '.join([f'{summary.sent} sent', *told])}, {summary.seconds:.2f} s")


def _show_route(simulated: Simulated) -> None:
    for line in told(simulated):
        write_line(line)


def _show_route_as_json(simulated: Simulated) -> None:
    for number, stop in enumerate(simulated.stops, 1):
        write_json({"order": number, "mailbox": stop.mailbox, "why": stop.why})
    for stop in simulated.passed_over:
        write_json({"order": None, "mailbox": stop.mailbox, "why": stop.why})
    if simulated.why:
        write_json({"order": None, "mailbox": None, "why": simulated.why})
    for note in simulated.notes:
        write_json({"order": None, "mailbox": None, "why": note})
