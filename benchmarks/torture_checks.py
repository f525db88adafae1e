"""What is promised, each promise a check: a world in, sentences about what is broken out."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable

from sqlalchemy import func, select

from benchmarks.torture_world import MOVED, World
from core.db.bulk import table_of
from core.db.engine import sqlite_module
from core.models import AccountStatus, Message, RawMessage, Recipient, Run, RunEvent
from core.outbox.standing import OVER
from tests.accounts import rows_of, stored
from tests.outbound.world import attempts, rows


def nothing_is_left_open(world: World) -> list[str]:
    """What is still open: mail that is not stored, not acknowledged or not sent, accounts that do not do well."""
    missing = sum((account.mails - Counter(_raws(world, account.id))).total() for account in world.accounts)
    waiting = sum(not one.is_acknowledged for account in world.accounts for one in stored(world.handles, account.id))
    unsent = sum(row.state not in OVER for row in rows(world.handles))
    failing = sum(row.failures > 0 for row in rows_of(world.handles, AccountStatus, "account_id"))
    counted = {"not stored": missing, "not acknowledged": waiting, "not sent": unsent, "accounts that fail": failing}
    return [f"{name}: {count}" for name, count in counted.items() if count]


def mail_is_here_once(world: World) -> list[str]:
    broken = []
    for account in world.accounts:
        here = Counter(_raws(world, account.id))
        lost, more = account.mails - here, here - account.mails
        broken += [f"{account.user}: {lost.total()} lost"] if lost else []
        broken += [f"{account.user}: {more.total()} too many, or with other bytes"] if more else []
    return broken


def bytes_have_their_digest(world: World) -> list[str]:
    messages, raws = table_of(Message), table_of(RawMessage)
    with world.handles.database.reading() as session:
        asked = select(messages.c.id, messages.c.sha256, raws.c.data).join(raws, raws.c.message_id == messages.c.id)
        found = session.connection().execute(asked).all()
    return [f"message {row.id}" for row in found if hashlib.sha256(row.data).hexdigest() != row.sha256]


def servers_are_as_was_ordered(world: World) -> list[str]:
    broken = []
    for account in world.accounts:
        inbox = Counter(mail.raw for mail in world.dovecot.mails(account.user))
        if inbox != (account.mails if account.after_fetch == "keep" else Counter()):
            broken.append(f"{account.user} ({account.after_fetch}): {inbox.total()} in INBOX")
        moved = Counter(mail.raw for mail in world.dovecot.mails(account.user, MOVED))
        if moved != (account.mails if account.after_fetch == "move" else Counter()):
            broken.append(f"{account.user} ({account.after_fetch}): {moved.total()} in {MOVED}")
    return broken


def nothing_was_removed_before_it_was_stored(world: World) -> list[str]:
    return world.removed_unstored


def what_was_handed_in_was_sent(world: World) -> list[str]:
    ended = {row.message_id: row.state for row in rows(world.handles)}
    return [f"{one}: {ended.get(one, 'gone')}" for one in world.handed_in if ended.get(one) != "sent"]


def what_is_sent_was_taken(world: World) -> list[str]:
    copies, names = _copies(world), {row.id: row.message_id for row in rows(world.handles)}
    sent = [row for row in rows_of(world.handles, Recipient, "id") if row.state == "sent"]
    return [
        f"{names[row.outgoing_id]} to {row.address}" for row in sent if not copies[names[row.outgoing_id], row.address]
    ]


def second_copies_were_told(world: World) -> list[str]:
    copies, told = (
        _copies(world),
        Counter(one.outgoing_id for one in attempts(world.handles) if one.outcome == "uncertain"),
    )
    allowed = {row.message_id: 1 + told[row.id] for row in rows(world.handles)}
    return [f"{name} to {to}: {count}" for (name, to), count in copies.items() if count > allowed.get(name, 0)]


def runs_add_up(world: World) -> list[str]:
    message, event = table_of(Message), table_of(RunEvent)
    with world.handles.database.reading() as session:
        asked = select(message.c.run_id, func.count()).group_by(message.c.run_id)
        taken: dict[int, int] = {run_id: count for run_id, count in session.connection().execute(asked)}
        lines = session.connection().execute(select(event.c.run_id, event.c.seq)).all()
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for run_id, seq in lines:
        numbers[run_id].append(seq)
    broken = []
    for run in rows_of(world.handles, Run, "id"):
        if run.state == "running":
            broken.append(f"run {run.id} is running still")
        if run.fetched != taken.get(run.id, 0):
            broken.append(f"run {run.id} ({run.state}) says {run.fetched} and took in {taken.get(run.id, 0)}")
        if sorted(numbers[run.id]) != list(range(1, run.last_seq + 1)):
            broken.append(f"run {run.id}: its lines have gaps")
    return broken


def nobody_holds_anything(world: World) -> list[str]:
    held = [row for row in rows_of(world.handles, AccountStatus, "account_id") if row.lease_owner]
    return [f"account {row.account_id}" for row in held] + [
        f"message {row.id}" for row in rows(world.handles) if row.lease_owner or row.handing_over
    ]


def file_is_sound(world: World) -> list[str]:
    if world.postgres is not None:
        return []
    connection = sqlite_module().connect(world.environment.database_file)
    word = connection.execute("PRAGMA integrity_check").fetchone()[0]
    strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return ([] if word == "ok" else [word]) + [f"no parent: {row}" for row in strays]


def workers_ended_in_order(world: World) -> list[str]:
    return [f"exit code {code}" for code in world.exit_codes if code != 0]


PROMISES: dict[str, Callable[[World], list[str]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        nothing_is_left_open,
        mail_is_here_once,
        bytes_have_their_digest,
        servers_are_as_was_ordered,
        nothing_was_removed_before_it_was_stored,
        what_was_handed_in_was_sent,
        what_is_sent_was_taken,
        second_copies_were_told,
        runs_add_up,
        nobody_holds_anything,
        workers_ended_in_order,
        file_is_sound,
    )
}
"""Each promise by its name."""


def _raws(world: World, account_id: int) -> list[bytes]:
    return [one.raw for one in stored(world.handles, account_id) if one.raw is not None]


def _copies(world: World) -> Counter[tuple[str, str]]:
    """How often the sink took each message for each recipient."""
    copies: Counter[tuple[str, str]] = Counter()
    for delivered in world.sink.deliveries:
        found = re.search(rb"(?im)^message-id: *(<[^>]*>)", delivered.raw)
        assert found is not None
        copies.update((found[1].decode(), to) for to in delivered.recipients)
    return copies
