"""Taking a batch in: judged before any lock, decided and written in one transaction, durable when it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from core import clock
from core.db import leases
from core.errors import StoreRefused
from core.failpoints import fp
from core.handles import Handles
from core.inbound import marks
from core.inbound.batch.fold import Fold, batch_line, name_of
from core.inbound.batch.numbers import Block, reserve_block
from core.inbound.batch.rows import Rows
from core.inbound.batch.rules import LoadedRules
from core.inbound.decisions.judging import Judged, judge_message
from core.inbound.due import Claimed
from core.inbound.marks import NotGiven, Pending, not_given
from core.inbound.nameless import Names, is_nameless
from core.inbound.server.reading import Bulk, load_of
from core.models import FolderMark
from core.protocols.source import Fetched, Key, Missing
from core.runlog import Counts, RunLog, Written

MOST_SENDERS = 10_000
"""Senders that a run remembers for the loop guard before it begins anew."""


@dataclass(frozen=True)
class _Batch:
    """What one transaction takes in."""

    mark: FolderMark
    judged: Sequence[Judged] = ()
    too_large: Sequence[tuple[Key, int]] = ()
    """What was left on the server, with its size in bytes."""
    left: Sequence[NotGiven] = ()
    """What did not come."""
    settled: Key | None = None
    """The last key up to which the folder is settled by it; `None`: the mark stays where it is."""

    @property
    def messages(self) -> int:
        """How many rows of messages it may need."""
        return len(self.judged) + len(self.too_large)

    @property
    def drafts(self) -> int:
        """How many records it may open."""
        return sum(1 for one in self.judged if one.verdict and one.verdict.draft)

    @property
    def uid_settled(self) -> int | None:
        """Where the mark moves to; a maildrop (POP3) has none."""
        return self.settled.uid if self.settled is not None and self.settled.folder else None


@dataclass
class _Taken:
    """What one transaction did; in force once it is committed."""

    written: Written
    pending: list[Pending]
    recorded_at: Mapping[str, Sequence[datetime]]
    topics: tuple[str, ...]
    """What moved."""


@dataclass
class Intake:
    """Takes batches in for one run."""

    handles: Handles
    claimed: Claimed
    rules: LoadedRules
    log: RunLog
    recorded_at: dict[str, Sequence[datetime]] = field(default_factory=dict)
    """When the records of the senders that this run met were made, for the loop guard."""

    def __post_init__(self) -> None:
        self.names = Names(self.handles, self.claimed.account)
        """Of messages that their server does not name."""

    def take_in(self, bulk: Bulk, mark: FolderMark, *, moves_mark: bool) -> list[Pending]:
        """Store a batch; gives back what the server is to be told about.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
            StoreError: nothing was written.
        """
        left: list[NotGiven] = []
        for one in bulk.missing:
            left.append(not_given(one, clock.utcnow()))
            self.log.missing(name_of(one.key), left[-1].why, one.note)
        if not moves_mark:
            left += [NotGiven(key, Missing.GONE) for key in bulk.gone]
        # A number in this session is no name to note a message by; what has none is asked for again each time.
        left = [one for one in left if not is_nameless(one.key)]
        too_large = [(self.names.of_size(key, size), size) for key, size in bulk.too_large]
        fp("K3")
        batch = _Batch(mark, bulk.judged, too_large, left, bulk.last if moves_mark else None)
        try:
            return self._commit(batch)
        except StoreRefused:
            # Only bad mail walks slowly: the batch again, one by one.
            return self._one_by_one(batch)

    def quarantine(self, one: Judged, mark: FolderMark) -> list[Pending]:
        """Store a message that was not looked at."""
        return self._commit(_Batch(mark, [one]))

    def judge(self, fetched: Fetched, *, stored_as: Key | None = None) -> Judged:
        """Decide what can be decided without the rows of others; runs on the connection's thread, one by one."""
        judged = judge_message(fetched, self.rules.rules, clock.utcnow())
        key = stored_as or self.names.of_bytes(fetched.key, judged.sha256)
        return judged if key == judged.key else judged._replace(key=key)

    def _one_by_one(self, batch: _Batch) -> list[Pending]:
        pending: list[Pending] = []
        for one in batch.judged:
            try:
                pending += self._commit(_Batch(batch.mark, [one]))
            except StoreRefused as error:
                bare = one._replace(verdict=None, reason=str(error), detail="")
                pending += self._commit(_Batch(batch.mark, [bare]))
        return pending + self._commit(replace(batch, judged=()))

    def _commit(self, batch: _Batch) -> list[Pending]:
        started, now = clock.monotonic(), clock.utcnow()
        ready = None if self.handles.database.is_sqlite else self._reserved(batch, now)

        def store(session: Session) -> _Taken:
            leases.hold(session, self.claimed.lease, now, self.handles.renewer.seconds)
            block = ready.fresh() if ready else reserve_block(session, batch.messages, batch.drafts, now)
            return self._store(session, batch, block, now, started)

        taken = self.handles.database.writing(store, load=load_of(batch.judged))
        fp("K4")
        self.log.settled(taken.written)
        self._remember(taken.recorded_at)
        if (uid := batch.uid_settled) is not None:
            batch.mark.uid_settled = uid
        self.handles.changes.moved(*taken.topics)
        return taken.pending

    def _store(self, session: Session, batch: _Batch, block: Block, now: datetime, started: float) -> _Taken:
        """Decide and write within the transaction; `started` is when the batch began, by the monotonic clock."""
        account, judged, is_settling = self.claimed.account, batch.judged, batch.settled is not None
        rows = Rows(account, self.claimed.run_id, now, self.rules.queue_ids, self.rules.handoffs)
        fold = Fold(
            account,
            self.rules,
            self.log,
            session,
            batch.mark,
            block,
            rows,
            looks_up=not is_settling,
            recorded_at=self.recorded_at,
        )
        fold.decide(judged, batch.too_large)
        rows.write(session)
        if not is_settling:
            marks.forget_leftovers(session, account, [one.key for one in judged])
        marks.note_leftovers(session, account, batch.left)
        if (uid := batch.uid_settled) is not None:
            marks.write_mark(session, batch.mark, uid_settled=uid)
        if judged:
            fold.lines.append(self.log.line("info", "stored", batch_line(judged), ms=clock.elapsed_ms(started)))
        written = self.log.write(session, self.log.counts + Counts(**fold.tally), fold.lines)
        topics = ("message", "record", *(("outbox", "suppression") if rows.reports else ()))
        return _Taken(written, fold.pending, fold.recorded_at, topics)

    def _remember(self, recorded_at: Mapping[str, Sequence[datetime]]) -> None:
        if len(self.recorded_at) > MOST_SENDERS:
            self.recorded_at.clear()
        self.recorded_at.update(recorded_at)

    def _reserved(self, batch: _Batch, now: datetime) -> Block:
        # A transaction of its own: the counter's row is not locked while a batch is written.
        messages, records = batch.messages, batch.drafts
        return self.handles.database.writing(lambda session: reserve_block(session, messages, records, now))
