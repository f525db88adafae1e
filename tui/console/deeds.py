"""The kinds' own actions, as the services do them; each gives the sentence to say afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from core import clock
from core.models import MessageState
from core.resources.catalogue import kind_named
from core.resources.json_rows import as_json
from core.resources.kind import Kind
from core.services.lists import search
from tui.console.cells import grouped
from tui.console.desk import Desk
from tui.console.nouns import many
from tui.console.window import Row
from tui.private_file import write_private

WRITTEN_AT_MOST = 100_000
"""Rows written to a file at most."""

HAVE_BYTES = frozenset({"message", "quarantine"})
"""The kinds whose rows are written as the bytes that came."""


def done(desk: Desk, kind: Kind, action: str, rows: list[Row]) -> str:
    """Do an action to rows, and say so."""
    return _DEEDS[kind.name, action](desk, rows)


def released(desk: Desk, rows: list[Row], queue: str) -> str:
    """File quarantined messages in a queue."""
    from core.services import quarantine

    for row in rows:
        quarantine.release(desk.handles, desk.actor, row["id"], queue)
    return f"Filed {many(len(rows), 'message')} in {queue}."


def name_to_copy(kind: Kind, row: Row) -> str:
    """What other programs know a row by: a message by its Message-ID, everything else by its name."""
    return str(row.get("message_id") or row[kind.key])


def written_whole(desk: Desk, kind: Kind, row: Row) -> str:
    """Write one row with what hangs on it as JSON, a message as its bytes, to a file of this folder."""
    if kind.name in HAVE_BYTES:
        from core.services import messages

        return _saved(f"message-{row['id']}.eml", messages.raw(desk.handles, desk.actor, row["id"]))
    whole = desk.show(kind, row[kind.id_column])
    return _saved(f"{kind.name}-{row['id']}.json", json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n")


def written(desk: Desk, kind: Kind, rows: list[Row], filter_text: str) -> str:
    """Write rows, or with none given the whole list, as JSON lines to a file of this folder."""
    found, has_more = rows, False
    if not rows:
        page = search.matching(desk.handles, desk.actor, kind, filter_text, limit=WRITTEN_AT_MOST)
        found, has_more = list(page.rows), page.has_more
    lines = [json.dumps(as_json(kind, row), ensure_ascii=False) + "\n" for row in found]
    said = _saved(f"{kind.plural}-{clock.utcnow():%Y%m%d-%H%M%S}.jsonl", "".join(lines).encode())
    rest = f" These are the first {grouped(WRITTEN_AT_MOST)}; postroom list {kind.name} --limit 0 gives all."
    return said + (rest if has_more else "")


def _saved(name: str, data: bytes) -> str:
    path = Path.cwd() / name
    write_private(path, data)
    return f"Wrote {path} ({many(len(data), 'byte')})."


def _validity(desk: Desk, rows: list[Row]) -> str:
    from core.services.configuration.accounts import accounts

    wanted = ["invalid" if row["validity"] == "valid" else "valid" for row in rows]
    for row, validity in zip(rows, wanted, strict=True):
        accounts.set_validity(desk.handles, desk.actor, row["name"], validity)
    if len(set(wanted)) > 1:
        return f"Switched the validity of {_named(rows)}."
    are, them = ("is", "it") if len(rows) == 1 else ("are", "them")
    end = "fetched from now on" if wanted[0] == "valid" else f"no longer fetched; v brings {them} back"
    return f"{_named(rows)} {are} {wanted[0]} now, and {end}."


def _pause(desk: Desk, rows: list[Row]) -> str:
    from core.services.configuration.accounts import accounts

    paused = [row for row in rows if row.get("status") == "paused"]
    for row in rows:
        verb = accounts.resume if row in paused else accounts.pause
        verb(desk.handles, desk.actor, row["name"])
    if len(paused) == len(rows):
        return f"Resumed {_named(rows)}."
    return f"Paused {_named(rows)}; p resumes {'it' if len(rows) == 1 else 'them'}."


def switched_pause(desk: Desk, account: str) -> str:
    """Hold one account back, or let it go again."""
    return _pause(desk, [desk.show(kind_named("account"), account)])


def _stop(desk: Desk, rows: list[Row]) -> str:
    from core.services.configuration.accounts import accounts

    running = [row for row in rows if accounts.stop(desk.handles, desk.actor, row["name"])]
    if not running:
        return f"{_named(rows)} {'is' if len(rows) == 1 else 'are'} not being fetched."
    return f"Asked {_named(running)} to stop after the current batch."


def stopped(desk: Desk, account: str) -> str:
    """End one account's running fetch."""
    return _stop(desk, [{"name": account}])


def _outbox(verb: str, said: str) -> Callable[[Desk, list[Row]], str]:
    def work(desk: Desk, rows: list[Row]) -> str:
        from core.services import outbox

        count = getattr(outbox, verb)(desk.handles, desk.actor, [row["id"] for row in rows])
        if not count:
            # A worker may have taken it since it was listed.
            now = desk.row_now(kind_named("outbox"), rows[0]) or rows[0]
            state = f"it is {now['state']}" if len(rows) == 1 else "none of them waits for that"
            return f"Nothing to do: {state}."
        are_fewer = count < len(rows)
        which = f"{many(count, 'message')}{f' of {len(rows)}' if are_fewer else ''}"
        return f"{said.format(which)}{'; the others are over, or being sent' if are_fewer else ''}."

    return work


def _suppression_release(desk: Desk, rows: list[Row]) -> str:
    from core.services import suppressions

    freed = suppressions.release(desk.handles, desk.actor, [row["address"] for row in rows])
    who = rows[0]["address"] if len(rows) == 1 else many(len(rows), "address", "addresses")
    return f"Released {who}." + (f" {many(freed, 'message')} held for it will go out." if freed else "")


def _quarantine_retry(desk: Desk, rows: list[Row]) -> str:
    from core.services import quarantine

    states = [quarantine.retry(desk.handles, desk.actor, row["id"]) for row in rows]
    stay = [state for state in states if state is MessageState.QUARANTINED]
    said = f"Processed {many(len(rows), 'message')} again."
    return f"{said} {many(len(stay), 'message stays', 'messages stay')} here: see why." if stay else said


def _quarantine_delete(desk: Desk, rows: list[Row]) -> str:
    from core.services import quarantine

    for row in rows:
        quarantine.delete(desk.handles, desk.actor, row["id"])
    return f"Deleted {many(len(rows), 'message')} for good."


def _delivery(verb: str, said: str) -> Callable[[Desk, list[Row]], str]:
    def work(desk: Desk, rows: list[Row]) -> str:
        from core.services import deliveries

        count = getattr(deliveries, verb)(desk.handles, desk.actor, [row["id"] for row in rows])
        if not count:
            return f"Nothing to do: {'it is' if len(rows) == 1 else 'they are'} settled already."
        return f"{said.format(many(count, 'delivery', 'deliveries'))}."

    return work


def _named(rows: list[Row]) -> str:
    return str(rows[0]["name"]) if len(rows) == 1 else many(len(rows), "account")


_DEEDS: dict[tuple[str, str], Callable[[Desk, list[Row]], str]] = {
    ("account", "validity"): _validity,
    ("account", "pause"): _pause,
    ("account", "stop"): _stop,
    ("outbox", "retry"): _outbox("retry", "Trying {} again"),
    ("outbox", "hold"): _outbox("hold", "Holding {}"),
    ("outbox", "release"): _outbox("release", "Released {}"),
    ("outbox", "cancel"): _outbox("cancel", "Cancelled {}"),
    ("delivery", "retry"): _delivery("retry", "Offering {} again"),
    ("delivery", "cancel"): _delivery("cancel", "Gave up {}"),
    ("quarantine", "retry"): _quarantine_retry,
    ("quarantine", "delete"): _quarantine_delete,
    ("suppression", "release"): _suppression_release,
}
