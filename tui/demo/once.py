"""The demo without a terminal: the whole main job once, and what happened in plain words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from core.gateway import open_gateway
from core.handin import hand_in
from core.handles import Handles
from core.inbound.run.fetch import FetchOptions
from core.outbound.sending.deliver import deliver_due
from core.resources.incoming import RECORD
from core.resources.outbox import OUTBOX
from core.services.actor import Actor, current_actor
from core.services.lists.search import Row, matching
from core.workers.fetch_now import fetch_now
from tui.cli.incoming.fetching import sentence, tell
from tui.cli.told.output import TableColumn, write_line, write_table
from tui.demo.ledger import Delivered
from tui.demo.replies import reply_to
from tui.demo.world import DemoWorld

REPLIES = 12
"""How many records are answered."""

_LISTED = 15
_ARRIVAL_WITHIN = 10.0

_RECORD_COLUMNS = [
    TableColumn(name, label)
    for name, label in (("number", "Number"), ("queue", "Queue"), ("priority", "Priority"), ("title", "Title"))
]
_ARRIVED_COLUMNS = [
    TableColumn(name, label) for name, label in (("sender", "From"), ("to", "To"), ("subject", "Subject"))
]


def run_once(world: DemoWorld) -> int:
    """Fetch, file, answer, send, and tell what came of it; 0 if all of it worked."""
    handles = open_gateway(world.environment)
    try:
        actor = current_actor(handles)
        write_line(f"Mail server: {world.incoming.words}; relay: an SMTP server that delivers nowhere.")
        write_line(f"{world.deliver_samples()} mails wait in two mailboxes. Fetching them:")
        sys.stdout.flush()
        summary = fetch_now(handles, None, options=FetchOptions(listener=tell))
        write_line(sentence(summary))
        records = _show_records(handles, actor)
        replied = _reply(world, records)
        outcome = deliver_due(handles, stop=threading.Event())
        arrived = world.relay.wait_for(replied, _ARRIVAL_WITHIN)
        _show_arrived(arrived)
        _show_outbox(handles, actor)
    finally:
        handles.close()
    has_worked = not summary.failed and bool(records) and outcome.sent == replied == len(arrived)
    write_line(
        "All of it worked. To see it live, run `make demo` in a terminal." if has_worked else "Something failed."
    )
    return 0 if has_worked else 1


def _show_records(handles: Handles, actor: Actor) -> list[Row]:
    records = matching(handles, actor, RECORD).rows
    write_line("")
    write_line(f"{len(records)} records, the newest:")
    write_table(_RECORD_COLUMNS, records[:_LISTED])
    return records


def _reply(world: DemoWorld, records: Sequence[Row]) -> int:
    replies = [reply for record in records if (reply := reply_to(record))][:REPLIES]
    for envelope, raw in replies:
        hand_in(world.environment, envelope, raw)
    write_line("")
    write_line(f"{len(replies)} answers were handed in and sent. The relay took:")
    return len(replies)


def _show_arrived(arrived: Sequence[Delivered]) -> None:
    write_table(_ARRIVED_COLUMNS, [_arrival(delivered) for delivered in arrived])


def _arrival(delivered: Delivered) -> dict[str, str]:
    from core.mail.headers import read_header_block

    subject = read_header_block(delivered.raw).get("subject") or ""
    return {"sender": delivered.sender, "to": ", ".join(delivered.recipients), "subject": subject}


def _show_outbox(handles: Handles, actor: Actor) -> None:
    waiting = [row for row in matching(handles, actor, OUTBOX).rows if row["state"] != "sent"]
    write_line("")
    write_line("Nothing is left in the outbox." if not waiting else f"{len(waiting)} wait in the outbox.")
