"""Taking in messages that a person hands over, by the rules of an account, as a fetch would."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.errors import LeaseLost, NoInput, PostroomError, Stopped, StoreBusy
from core.handles import Handles
from core.inbound.batch.intake import Intake
from core.inbound.batch.lookup import already_here
from core.inbound.batch.rules import load_rules
from core.inbound.decisions.judging import Judged
from core.inbound.due import Claimed
from core.inbound.handed_in import FOLDER, HandedIn, HandedMessage, read_handed, received_at
from core.inbound.run.closing import RunOutcome, outcome_of
from core.inbound.server.reading import BATCH_BYTES, BATCH_MESSAGES, Bulk
from core.models import Account, AccountStatus, AfterFetch, FolderMark, MessageState, Run
from core.protocols.source import Fetched, Key
from core.runlog import Listener, RunLog, Written

EPOCH = 0
"""Of no server: whatever becomes of the account's own, the same file again is the same messages."""

PATIENCE = 30.0
"""Seconds to wait for a run that is at the account just now."""

_LOOK = 0.2
_run = table_of(Run)


def take_in_by_hand(
    handles: Handles,
    account_id: int,
    files: Iterable[HandedIn],
    *,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
) -> RunOutcome:
    """Take in all messages of these files; what goes wrong on the way is the outcome, not an exception.

    Raises:
        StoreBusy: another worker is at the account and stays there.
        StoreError: not even the outcome could be written.
    """
    stop = stop or threading.Event()
    claimed = _claimed(handles, account_id, stop)
    log = RunLog(handles, claimed.run_id, claimed.account.name, listener=listener)
    started = clock.monotonic()
    handles.renewer.keep(claimed.lease)
    handles.changes.moved("run")
    error: PostroomError | None = None
    try:
        _ByHand(handles, claimed, log, stop).take(files)
        log.done(clock.monotonic() - started)
    except Stopped as stopped:
        error = stopped
        log.stopped(str(stopped))
    except PostroomError as problem:
        error = problem
        log.failed(str(problem))
    finally:
        handles.renewer.let_go(claimed.lease)
    outcome = outcome_of(claimed, log, error)
    if not isinstance(error, LeaseLost):
        _close(handles, claimed, log, outcome)
    return outcome


@dataclass
class _ByHand:
    """One run by hand, batch after batch."""

    handles: Handles
    claimed: Claimed
    log: RunLog
    stop: threading.Event
    judged: list[Judged] = field(default_factory=list)
    too_large: list[tuple[Key, int]] = field(default_factory=list)
    names: dict[Key, str] = field(default_factory=dict)
    """The messages of the batch in hand, as the run log names them."""

    def __post_init__(self) -> None:
        self.log.step = "intake"
        rules = load_rules(self.handles, self.claimed.account)
        self.intake = Intake(self.handles, self.claimed, rules, self.log)
        account_id = self.claimed.account.id
        assert account_id is not None
        self.mark = FolderMark(account_id=account_id, epoch=EPOCH, folder=FOLDER)

    def take(self, files: Iterable[HandedIn]) -> None:
        """All of them, in their order.

        Raises:
            Stopped: a person or a signal ended it between two batches.
            NoInput: a file cannot be read; what was read before is taken in.
        """
        try:
            for one in self._messages(files):
                self._add(one)
        except NoInput:
            self._flush()
            raise
        self._flush()

    def _add(self, one: HandedMessage) -> None:
        piece = one.piece
        if one.key in self.names or self._is_full(piece.size):
            self._flush()
        self.names[one.key] = one.name
        if piece.raw is None:
            self.too_large.append((one.key, piece.size))
            limit = f"{piece.size:,} bytes are over the account's limit of {self.claimed.account.max_size:,}"
            self.log.complaint(f"{one.name} was not taken in: {limit}")
            return
        fetched = Fetched(Key(FOLDER, 0, 0, ""), piece.raw, piece.size, received_at(piece, clock.utcnow()))
        judged = self.intake.judge(fetched, stored_as=one.key)
        self.judged.append(judged._replace(server_key=Key("", 0, 0, one.name)))

    def _messages(self, files: Iterable[HandedIn]) -> Iterator[HandedMessage]:
        for file in files:
            is_empty = True
            for one in read_handed(file, self.claimed.account.max_size):
                is_empty = False
                yield one
            if is_empty:
                self.log.complaint(f"{file.name} holds no message")

    def _is_full(self, more: int) -> bool:
        size = sum(len(one.raw) for one in self.judged)
        return len(self.names) >= BATCH_MESSAGES or (bool(self.judged) and size + more > BATCH_BYTES)

    def _flush(self) -> None:
        if self.names:
            self._tell_known()
            bulk = Bulk(tuple(self.judged), (), tuple(self.too_large), (), Key(FOLDER, 0, 0, ""))
            self.intake.take_in(bulk, self.mark, moves_mark=False)
        self.judged, self.too_large, self.names = [], [], {}
        if self.stop.is_set():
            raise Stopped("stopped after the current batch; the same command takes in the rest")

    def _tell_known(self) -> None:
        with self.handles.database.reading() as session:
            known = already_here(session, self.claimed.account, list(self.names))
        for key, name in self.names.items():
            stored = known.get(key)
            if stored is not None and stored.state != MessageState.TOO_LARGE.value:
                self.log.here_already(name)


def _claimed(handles: Handles, account_id: int, stop: threading.Event) -> Claimed:
    deadline = clock.Deadline(PATIENCE)
    while True:
        claimed = handles.database.writing(lambda session: _claim(session, handles, account_id))
        if claimed is not None:
            return claimed
        if deadline.is_over() or stop.wait(_LOOK):
            raise StoreBusy("The account is being fetched; nothing was taken in. Try again when that is done.")


def _claim(session: Session, handles: Handles, account_id: int) -> Claimed | None:
    # A run that died is left as it stands: the next fetch must find it and take its messages with care.
    now, seconds = clock.utcnow(), handles.renewer.seconds
    lease = leases.claim(session, AccountStatus, account_id, handles.worker_id, now=now, seconds=seconds)
    account = session.get(Account, account_id)
    if lease is None or account is None:
        return None
    session.expunge(account)
    account.epoch = EPOCH
    # There is no server to be told.
    account.after_fetch, account.mark_seen = AfterFetch.KEEP, False
    run = Run(
        account_id=account_id,
        account=account.name,
        worker=f"{handles.host}:{handles.worker_id[:8]}",
        fence=lease.fence,
        started_at=now,
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    return Claimed(account, lease, run.id, took_over=False)


def _close(handles: Handles, claimed: Claimed, log: RunLog, outcome: RunOutcome) -> None:
    """Write the outcome and give back the lease; when the account is due, and how it goes, is for its fetches."""
    ended = {"state": outcome.state.value, "ended_at": clock.utcnow(), "error": outcome.error, "fault": outcome.fault}

    def close(session: Session) -> Written:
        written = log.write(session, log.counts, ())
        session.connection().execute(update(_run).where(_run.c.id == claimed.run_id).values(**ended, step=""))
        leases.release(session, claimed.lease)
        return written

    log.settled(handles.database.writing(close))
    handles.changes.moved("run", "message", "record")
