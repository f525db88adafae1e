"""Taking a batch in: judged before any lock, decided and written in one transaction, durable when it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.errors import StoreRefused
from core.failpoints import fp
from core.handles import Handles
from core.inbound import marks
from core.inbound.due import Claimed
from core.inbound.followup import record_number
from core.inbound.judging import BY_BYTES, Judged, judge_message, named_by_bytes, unparsed
from core.inbound.lookup import Equals, Stored, already_here, by_bytes, load_known
from core.inbound.marks import Pending
from core.inbound.numbers import Block, reserve_block
from core.inbound.placement import Ending, Placement
from core.inbound.reading import Bulk
from core.inbound.rows import Rows
from core.inbound.rules import LoadedRules
from core.inbound.verdict import settle
from core.models import AfterFetch, FolderMark, Message, MessageState
from core.protocols.source import Fetched, Key, Missing
from core.runlog import Counts, Line, RunLog, Written

MOST_SENDERS = 10_000
"""Senders that a run remembers for the loop guard before it begins anew."""

_COUNTED_AS = {Ending.BOUNCE: "bounces", Ending.IGNORED: "ignored", Ending.QUARANTINED: "quarantined"}

_message = table_of(Message)


@dataclass
class _Taken:
    """What one transaction did; in force once it is committed."""

    written: Written
    pending: list[Pending]
    recorded_at: Mapping[str, Sequence[datetime]]


@dataclass
class Intake:
    """Takes batches in for one run."""

    handles: Handles
    claimed: Claimed
    rules: LoadedRules
    log: RunLog
    _nameless: Counter[str] = field(default_factory=Counter)
    recorded_at: dict[str, Sequence[datetime]] = field(default_factory=dict)
    """When the records of the senders that this run met were made, for the loop guard."""

    def take_in(self, bulk: Bulk, mark: FolderMark, *, moves_mark: bool) -> list[Pending]:
        """Store a batch; gives back what the server is to be told about.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
            StoreError: nothing was written.
        """
        left = [(one.key, one.missing or Missing.GONE) for one in bulk.missing]
        for key, why in left:
            self.log.missing(_name(key), why)
        fp("K3")
        settled = bulk.last if moves_mark else None
        try:
            return self._commit(bulk.judged, bulk.too_large, left, mark, settled)
        except StoreRefused:
            # Only bad mail walks slowly: the batch again, one by one.
            return self._one_by_one(bulk.judged, bulk.too_large, left, mark, settled)

    def quarantine_unparsed(self, fetched: Fetched, mark: FolderMark, reason: str) -> list[Pending]:
        """Store a message without looking at it."""
        return self._commit([unparsed(fetched, clock.utcnow(), reason)], (), (), mark, None)

    def judge(self, fetched: Fetched) -> Judged:
        """Decide what can be decided without the database; runs on the connection's thread, message after message."""
        judged = judge_message(fetched, self.rules.rules, clock.utcnow())
        if fetched.key.folder or not fetched.key.uid:
            return judged
        # POP3 without a UIDL that names this message alone: its bytes name it, and how many like it came before.
        self._nameless[judged.sha256] += 1
        return named_by_bytes(judged, self._nameless[judged.sha256])

    def _one_by_one(
        self,
        judged: Sequence[Judged],
        too_large: Sequence[tuple[Key, int]],
        left: Sequence[tuple[Key, str]],
        mark: FolderMark,
        settled: Key | None,
    ) -> list[Pending]:
        pending: list[Pending] = []
        for one in judged:
            try:
                pending += self._commit([one], (), (), mark, None)
            except StoreRefused as error:
                bare = Fetched(one.server_key, one.raw, len(one.raw), one.received_at)
                pending += self._commit([unparsed(bare, one.received_at, str(error))], (), (), mark, None)
        return pending + self._commit([], too_large, left, mark, settled)

    def _commit(
        self,
        judged: Sequence[Judged],
        too_large: Sequence[tuple[Key, int]],
        left: Sequence[tuple[Key, str]],
        mark: FolderMark,
        settled: Key | None,
    ) -> list[Pending]:
        started = clock.monotonic()
        now = clock.utcnow()
        wanted = (len(judged) + len(too_large), sum(1 for one in judged if one.verdict and one.verdict.draft))
        ready = None if self.handles.database.is_sqlite else self._reserved(wanted, now)

        def store(session: Session) -> _Taken:
            account, lease = self.claimed.account, self.claimed.lease
            leases.hold(session, lease, now, self.handles.renewer.seconds)
            block = ready.fresh() if ready else reserve_block(session, *wanted, now)
            rows = Rows(account, self.claimed.run_id, now, self.rules.queue_ids)
            batch = _Batch(self, session, mark, block, rows, looks_up=settled is None)
            batch.decide(judged, too_large)
            batch.rows.write(session)
            marks.note_leftovers(session, account, left)
            if settled is not None and settled.folder:
                values = {**mark.model_dump(include={"uidvalidity", "match_upto", "uid_next", "messages"})}
                marks.move_mark(session, account, mark.folder, {**values, "uid_settled": settled.uid})
            if judged:
                batch.lines.append(self.log.line("info", "stored", _batch_line(judged), ms=clock.elapsed_ms(started)))
            written = self.log.write(session, self.log.counts + Counts(**batch.tally), batch.lines)
            return _Taken(written, batch.pending, batch.recorded_at)

        taken = self.handles.database.writing(store)
        fp("K4")
        self.log.settled(taken.written)
        self._remember(taken.recorded_at)
        if settled is not None and settled.folder:
            mark.uid_settled = settled.uid
        self.handles.changes.moved("message", "record")
        return taken.pending

    def _remember(self, recorded_at: Mapping[str, Sequence[datetime]]) -> None:
        if len(self.recorded_at) > MOST_SENDERS:
            self.recorded_at.clear()
        self.recorded_at.update(recorded_at)

    def _reserved(self, wanted: tuple[int, int], now: datetime) -> Block:
        # A transaction of its own: the counter's row is not locked while a batch is written.
        return self.handles.database.writing(lambda session: reserve_block(session, *wanted, now))


@dataclass
class _Batch:
    """The fold over one batch, inside its transaction."""

    intake: Intake
    session: Session
    mark: FolderMark
    block: Block
    rows: Rows
    looks_up: bool
    """Whether each key is looked up before it is stored."""
    tally: Counter[str] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    """Number to id of the records that this batch opens."""
    recorded_at: Mapping[str, Sequence[datetime]] = field(default_factory=dict)

    def decide(self, judged: Sequence[Judged], too_large: Sequence[tuple[Key, int]]) -> None:
        """Decide where each message ends, with what the database and this batch know."""
        account = self.intake.claimed.account
        here = already_here(self.session, account, self._doubtful(judged, too_large))
        fresh = [one for one in judged if not self._is_here(one, here.get(one.key))]
        renumbered = by_bytes(self.session, account, self.mark, fresh)
        fresh = [one for one in fresh if not self._is_renumbered(one, renumbered)]
        verdicts = [one.verdict for one in fresh if one.verdict is not None]
        known = load_known(self.session, account, verdicts, self.intake.recorded_at)
        for one in fresh:
            if one.verdict is None:
                self._unreadable(one)
                continue
            placement = settle(one.verdict, known)
            number = self._place(one, placement)
            known.note(placement, number)
        self.recorded_at = known.recorded_at
        for key, size in too_large:
            if key not in here:
                self._too_large(key, size)

    def _doubtful(self, judged: Sequence[Judged], too_large: Sequence[tuple[Key, int]]) -> list[Key]:
        """The keys that may be stored already.

        What is new was compared with the database when the folder was listed, and nobody else takes in this account's
        mail while the run has its lease: only names made from bytes could not be known then. (The unique index stands
        behind all of it; a batch that hits it is done again with every key looked up.)
        """
        keys = [*(one.key for one in judged), *(key for key, _ in too_large)]
        return [key for key in keys if self.looks_up or key.uidl.startswith(BY_BYTES)]

    def _is_here(self, one: Judged, stored: Stored | None) -> bool:
        """Whether a message is stored already; if the server was not told yet, it is now."""
        if stored is None:
            return False
        if stored.state == MessageState.TOO_LARGE.value:
            self.session.connection().execute(delete(_message).where(_message.c.id == stored.id))
            return False
        self.tally["skipped"] += 1
        if not stored.is_acknowledged:
            self.pending.append(Pending(stored.id, one.server_key, stored.after_fetch, stored.move_to))
        return True

    def _is_renumbered(self, one: Judged, renumbered: dict[str, Equals]) -> bool:
        """Whether it is stored under an older numbering; then it is known under the new one from now on."""
        equals = renumbered.get(one.sha256)
        if equals is None or not equals.ids or one.key.uid > self.mark.match_upto:
            return False
        is_ambiguous = equals.is_ambiguous
        stored = equals.ids.pop(0)
        equals.known += 1
        values = marks.source_of(self.intake.claimed.account, one.key)
        if is_ambiguous:
            # Which of the equal ones this is cannot be known: nothing is deleted on the server.
            values |= {"after_fetch": AfterFetch.KEEP.value, "acknowledged_at": self.rows.now}
        self.session.connection().execute(update(_message).where(_message.c.id == stored).values(values))
        self.tally["skipped"] += 1
        return True

    def _place(self, one: Judged, placement: Placement) -> str | None:
        message_id = self.block.next_message()
        record_id = placement.record.id if placement.record is not None else None
        number = placement.record.number if placement.record is not None else None
        if placement.state is Ending.RECORDED and placement.draft is not None:
            record_id, counter = self.block.next_record()
            rules = self.intake.rules.rules
            number = record_number(self.rows.now.date(), rules.system_id, counter)
            self.rows.add_record(record_id, number, placement)
            self.opened[number] = record_id
        elif number is not None and record_id is None:
            record_id = self.opened.get(number)
        if placement.is_follow_up and not placement.is_copy and record_id is not None:
            self.rows.changes.append((record_id, placement.changes))
        self.rows.add_placed(message_id, one, placement, record_id)
        self._count(one, placement)
        self._tell(one, message_id, placement, number)
        self._to_acknowledge(one, message_id)
        return number if placement.draft is not None else None

    def _unreadable(self, one: Judged) -> None:
        message_id = self.block.next_message()
        self.rows.add_unreadable(message_id, one)
        self.tally.update(fetched=1, quarantined=1, bytes=len(one.raw))
        text = f"{_name(one.server_key)} quarantined: {one.reason}"
        self.lines.append(self.intake.log.line("warning", "message", text, message_id=message_id))
        self._to_acknowledge(one, message_id)

    def _too_large(self, key: Key, size: int) -> None:
        message_id = self.block.next_message()
        self.rows.add_too_large(message_id, key, size)
        self.tally["too_large"] += 1
        limit = self.intake.claimed.account.max_size
        text = f"{_name(key)} was left on the server: {size:,} bytes are over the account's limit of {limit:,}"
        self.lines.append(self.intake.log.line("warning", "message", text, message_id=message_id))

    def _count(self, one: Judged, placement: Placement) -> None:
        tally = self.tally
        tally["fetched"] += 1
        tally["bytes"] += len(one.raw)
        if placement.state is not Ending.RECORDED:
            tally[_COUNTED_AS[placement.state]] += 1
        else:
            tally["records" if placement.draft is not None else "follow_ups"] += 1

    def _tell(self, one: Judged, message_id: int, placement: Placement, number: str | None) -> None:
        level, what = _told(placement, number)
        text = f"{_name(one.server_key)} {what}"
        self.lines.append(self.intake.log.line(level, "message", text, message_id=message_id))
        for complaint in placement.complaints:
            text = f"{_name(one.server_key)}: {complaint.what} {complaint.value}: {complaint.text}"
            self.lines.append(self.intake.log.line("warning", "message", text, message_id=message_id))

    def _to_acknowledge(self, one: Judged, message_id: int) -> None:
        account = self.intake.claimed.account
        if marks.is_server_told(account):
            self.pending.append(Pending(message_id, one.server_key, account.after_fetch, account.move_to))


def _told(placement: Placement, number: str | None) -> tuple[str, str]:
    if placement.state is Ending.QUARANTINED:
        return "warning", f"quarantined: {placement.reason}"
    if placement.state is Ending.IGNORED:
        return "info", "ignored"
    if placement.state is Ending.BOUNCE:
        return "info", f"is a bounce{f', of record {number}' if number else ''}"
    if placement.draft is None:
        return "info", f"→ follow-up to {number}"
    return "info", f"→ {placement.draft.type} {number}, queue {placement.queue}"


def _name(key: Key) -> str:
    return f"uid {key.uid}" if key.folder else f"message {key.uidl or key.uid}"


def _batch_line(judged: Sequence[Judged]) -> str:
    size = sum(len(one.raw) for one in judged)
    return f"batch of {len(judged)} ({size / 1e6:.1f} MB)"
