"""The run log: what a run does, line by line, through verbs, so that all lines have one form and can be filtered.

A run has one writer, so its lines are numbered without gaps. Lines that state stored rows are written in the
transaction that stores them; what happens on the wire is buffered and written between two of those.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import insert_rows, table_of
from core.errors import LeaseLost
from core.handles import Handles
from core.models import EventLevel, Run, RunEvent, RunState
from core.text import bounded, clean, counted

FLUSH_INTERVAL = 0.25
"""Seconds between two writes of buffered lines: four a second is as fast as anyone reads."""

LONGEST_LINE = 1000


@dataclass(frozen=True)
class Counts:
    """What a run did, in messages and bytes."""

    fetched: int = 0
    records: int = 0
    follow_ups: int = 0
    bounces: int = 0
    ignored: int = 0
    skipped: int = 0
    quarantined: int = 0
    too_large: int = 0
    acknowledged: int = 0
    bytes: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _COUNTED))

    def as_dict(self) -> dict[str, int]:
        """By name, as the run's row keeps them."""
        # How many messages a folder holds is the server's word, which may be a lie.
        return {**{name: getattr(self, name) for name in _COUNTED}, "skipped": min(self.skipped, _MOST)}


_MOST = 2**31 - 1
"""What a column of a count holds (PostgreSQL)."""

_COUNTED = tuple(one.name for one in fields(Counts))


class Line(NamedTuple):
    """One line of a run."""

    run_id: int
    seq: int
    """Its number in the run; 0 until it is written."""
    at: datetime
    account: str
    level: EventLevel
    step: str
    text: str
    ms: float | None = None
    message_id: int | None = None


Listener = Callable[[Line], None]


@dataclass(frozen=True)
class Written:
    """What a transaction wrote of a run; in force once it is committed."""

    counts: Counts
    buffered: int
    lines: tuple[Line, ...]
    seq: int


class RunLog:
    """The one writer of one run's lines, counts and progress."""

    def __init__(
        self, handles: Handles, run_id: int, account: str, *, listener: Listener | None = None, debug: bool = False
    ) -> None:
        self._handles = handles
        self._run_id = run_id
        self._account = account
        self._listener = listener
        self._seq = 0
        self._lock = threading.Lock()
        self._pending: list[Line] = []
        self._flushed_at = clock.monotonic()
        self.debug = debug
        """Whether the dialogue is kept."""
        self.counts = Counts()
        """What is committed so far."""
        self.step = "connect"
        """What the run is doing, as the live screen shows it."""
        self.expected = 0
        """How many messages it set out to fetch."""

    # -- the wire ---------------------------------------------------------------------------------------------------

    def connected(self, place: str, facts: str, ms: float) -> None:
        """The connection stands, with TLS if it is asked for."""
        self._note("info", "connect", f"{place} {facts}", ms)

    def logged_in(self, username: str, ms: float) -> None:
        """The server knows us."""
        self.step = "login"
        self._note("info", "login", f"as {username}", ms)

    def selected(self, folder: str, exists: int, uidvalidity: int, new: int) -> None:
        """A folder is open and its new messages are known."""
        self.step = "fetch"
        self.expected += new
        detail = f", UIDVALIDITY {uidvalidity}" if uidvalidity else ""
        self._note("info", "select", f"{folder or 'maildrop'}: {counted(exists, 'message')}{detail}, {new} new")

    def uidvalidity_changed(self, folder: str, before: int, after: int) -> None:
        """The server numbers the folder anew; messages are matched by their bytes."""
        text = f"{folder}: UIDVALIDITY changed from {before} to {after}; messages are matched by their bytes"
        self._note("warning", "select", text)

    def numbers_given_again(self, folder: str, settled: int, uidnext: int) -> None:
        """The server was put back; messages are matched by their bytes."""
        text = f"{folder}: the server gives numbers again that it gave before (up to {settled}, now from {uidnext})"
        self._note("warning", "select", f"{text}; messages are matched by their bytes")

    def all_names_changed(self, messages: int) -> None:
        """No message of a maildrop has a name that is known; messages are matched by their bytes."""
        text = f"the server has another UIDL for each of {counted(messages, 'message')}"
        self._note("warning", "select", f"{text}; messages are matched by their bytes")

    def dialogue(self, direction: str, text: str) -> None:
        """A line of the dialogue, secrets masked; only with `--debug`."""
        if self.debug:
            self._note("debug", "dialogue", f"{direction} {text}")

    def acknowledged(self, count: int, how: str, ms: float) -> None:
        """The server has deleted, moved or marked messages."""
        self._note("info", how, counted(count, "message"), ms)

    def left(self, count: int, why: str) -> None:
        """Messages stay on the server although they should not; the next run tries again."""
        self._note("warning", "acknowledge", f"{count} left on the server: {why}")

    # -- messages ---------------------------------------------------------------------------------------------------

    def missing(self, name: str, why: str, words: str = "") -> None:
        """A listed message did not come; `words` are the server's."""
        self._note("warning", "message", f"{name} did not come: {why}{f' ({words})' if words else ''}")

    def of_other_size(self, count: int) -> None:
        """Messages were not as large as the server had announced; servers are often wrong."""
        many = counted(count, "message")
        self._note("info", "note", f"{many} came in another size than the server announced; stored as it came")

    def here_already(self, name: str) -> None:
        """A message that was handed in once more."""
        self._note("info", "message", f"{name} is here already, skipped")

    def complaint(self, text: str) -> None:
        """Something that a person should look at; the run goes on."""
        self._note("warning", "note", text)

    # -- the run ----------------------------------------------------------------------------------------------------

    def took_over(self, suspects: int) -> None:
        """The last run died; its messages in hand are taken one at a time."""
        many = counted(suspects, "message")
        text = f"The last run was cut off; what it may have had in hand is taken one at a time: {many}"
        self._note("warning", "recover", text)

    def stopped(self, why: str) -> None:
        """A person or a signal ended it between two batches."""
        self._note("info", "stop", why)

    def failed(self, reason: str, *, phase: str = "") -> None:
        """It ends with an error, in the phase that the error names or else at what the run was doing."""
        self._note("error", phase or self.step, reason)

    def done(self, seconds: float) -> None:
        """It ends well."""
        counts = self.counts
        rate = f", {counts.fetched / seconds:,.0f} a second" if counts.fetched and seconds > 0 else ""
        self._note("info", "done", f"{counts.fetched} taken in, {counts.skipped} here already{rate}")

    # -- writing ----------------------------------------------------------------------------------------------------

    def write(
        self, session: Session, counts: Counts, lines: Sequence[Line], *, end: Mapping[str, Any] = MappingProxyType({})
    ) -> Written:
        """Write what is buffered, then these lines, and the run's progress; gives back what `settled` needs.

        `end` is what else becomes of the run's row when it is over.

        Raises:
            LeaseLost: the run was closed by another worker.
        """
        with self._lock:
            buffered = list(self._pending)
        numbered = [_row(line, seq) for seq, line in enumerate([*buffered, *lines], self._seq + 1)]
        now = {
            "this": self._run_id,
            "step": self.step,
            "expected": self.expected,
            "last_seq": self._seq + len(numbered),
            **counts.as_dict(),
            **end,
        }
        hit = session.connection().execute(_progress(), now)
        if hit.rowcount != 1:
            raise LeaseLost(f"Run {self._run_id} was closed by another worker.")
        if numbered:
            insert_rows(session, RunEvent, numbered)
        return Written(counts, len(buffered), tuple(lines), self._seq + len(numbered))

    def settled(self, written: Written) -> None:
        """The transaction of a `write` is committed."""
        with self._lock:
            del self._pending[: written.buffered]
            self._seq = written.seq
            self._flushed_at = clock.monotonic()
        self.counts = written.counts
        self._handles.changes.moved("run")
        if self._listener is not None:
            for line in written.lines:
                self._listener(line)

    def resume(self) -> None:
        """Go on where the run's row stands: another process wrote for this run, under the same lease."""
        table = table_of(Run)
        with self._handles.database.reading() as session:
            row = session.connection().execute(table.select().where(table.c.id == self._run_id)).one()
            told = [] if self._listener is None else lines_after(session, self._run_id, self._account, self._seq)
        if self._listener is not None:
            for line in told:
                self._listener(line)
        self._seq = row.last_seq
        self.step, self.expected = row.step, row.expected
        self.counts = Counts(*(getattr(row, name) for name in _COUNTED))

    def flush(self, *, at_once: bool = False) -> None:
        """Write what is buffered, unless that was done just now."""
        if not at_once and clock.monotonic() - self._flushed_at < FLUSH_INTERVAL:
            return
        self.settled(self._handles.database.writing(lambda session: self.write(session, self.counts, ())))

    def line(
        self,
        level: EventLevel,
        step: str,
        text: str,
        *,
        ms: float | None = None,
        message_id: int | None = None,
        at: datetime | None = None,
    ) -> Line:
        """A line to be written together with the rows it states; numbered when it is. It happens now, if not `at`."""
        shown = bounded(clean(text), LONGEST_LINE)
        return Line(self._run_id, 0, at or clock.utcnow(), self._account, level, step, shown, ms, message_id)

    def _note(self, level: EventLevel, step: str, text: str, ms: float | None = None) -> None:
        line = self.line(level, step, text, ms=ms)
        with self._lock:
            self._pending.append(line)
        if self._listener is not None:
            self._listener(line)


def lines_after(session: Session, run_id: int, account: str, seen: int) -> list[Line]:
    """The next lines of a run, as they are written; a thousand at most."""
    event = table_of(RunEvent)
    after = select(event).where(event.c.run_id == run_id, event.c.seq > seen).order_by(event.c.seq).limit(1000)
    return [
        Line(run_id, row.seq, row.at, account, row.level, row.step, row.text, row.ms, row.message_id)
        for row in session.connection().execute(after)
    ]


@lru_cache(maxsize=1)
def _progress() -> Any:
    """Made once; what it sets is what it is executed with."""
    run = table_of(Run)
    return update(run).where(run.c.id == bindparam("this"), run.c.state == RunState.RUNNING.value)


def _row(line: Line, seq: int) -> dict[str, object]:
    return {
        "run_id": line.run_id,
        "seq": seq,
        "at": line.at,
        "level": line.level,
        "step": line.step,
        "text": line.text,
        "ms": line.ms,
        "message_id": line.message_id,
    }
