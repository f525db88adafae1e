"""Deciding a batch inside its transaction, message after message, into rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.inbound import marks
from core.inbound.batch.lookup import Equals, Stored, already_here, by_bytes, load_known
from core.inbound.batch.numbers import Block
from core.inbound.batch.rows import Rows
from core.inbound.batch.rules import LoadedRules
from core.inbound.decisions.followup import record_number
from core.inbound.decisions.judging import Judged
from core.inbound.decisions.placement import Ending, Placement
from core.inbound.decisions.verdict import settle
from core.inbound.handed_in import FOLDER as BY_HAND
from core.inbound.marks import Pending
from core.inbound.nameless import is_made_up
from core.models import Account, AfterFetch, EventLevel, FolderMark, Message, MessageState
from core.protocols.source import Key
from core.runlog import Line, RunLog

_COUNTED_AS = {Ending.BOUNCE: "bounces", Ending.IGNORED: "ignored", Ending.QUARANTINED: "quarantined"}

_message = table_of(Message)


@dataclass
class Fold:
    """The fold over one batch, inside its transaction: what is decided of one message is known to the next."""

    account: Account
    rules: LoadedRules
    log: RunLog
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

    def __post_init__(self) -> None:
        self.is_server_told = marks.is_server_told(self.account)

    def decide(self, judged: Sequence[Judged], too_large: Sequence[tuple[Key, int]]) -> None:
        """Decide where each message ends, with what the database and this batch know."""
        account = self.account
        here = already_here(self.session, account, self._doubtful(judged, too_large))
        fresh = [one for one in judged if not self._is_here(one, here.get(one.key))]
        renumbered = by_bytes(self.session, account, self.mark, fresh)
        fresh = [one for one in fresh if not self._is_renumbered(one, renumbered)]
        verdicts = [one.verdict for one in fresh if one.verdict is not None]
        known = load_known(self.session, account, verdicts, self.recorded_at)
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
        return [key for key in keys if self.looks_up or is_made_up(key)]

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
        values = marks.source_of(self.account, one.key)
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
        if placement.ending is Ending.RECORDED and placement.draft is not None:
            record_id, counter = self.block.next_record()
            rules = self.rules.rules
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
        text = f"{name_of(one.server_key)} quarantined: {one.reason}"
        self.lines.append(self.log.line("warning", "message", text, message_id=message_id, at=self.rows.now))
        self._to_acknowledge(one, message_id)

    def _too_large(self, key: Key, size: int) -> None:
        message_id = self.block.next_message()
        self.rows.add_too_large(message_id, key, size)
        self.tally["too_large"] += 1
        if key.folder == BY_HAND and not key.uidvalidity:
            return  # no server has it; the run has named its file
        limit = self.account.max_size
        text = f"{name_of(key)} was left on the server: {size:,} bytes are over the account's limit of {limit:,}"
        self.lines.append(self.log.line("warning", "message", text, message_id=message_id, at=self.rows.now))

    def _count(self, one: Judged, placement: Placement) -> None:
        tally = self.tally
        tally["fetched"] += 1
        tally["bytes"] += len(one.raw)
        if placement.ending is not Ending.RECORDED:
            tally[_COUNTED_AS[placement.ending]] += 1
        else:
            tally["records" if placement.draft is not None else "follow_ups"] += 1

    def _tell(self, one: Judged, message_id: int, placement: Placement, number: str | None) -> None:
        level, what = _told(placement, number)
        text = f"{name_of(one.server_key)} {what}"
        self.lines.append(self.log.line(level, "message", text, message_id=message_id, at=self.rows.now))
        for complaint in placement.complaints:
            text = f"{name_of(one.server_key)}: {complaint.what} {complaint.value}: {complaint.text}"
            self.lines.append(self.log.line("warning", "message", text, message_id=message_id, at=self.rows.now))

    def _to_acknowledge(self, one: Judged, message_id: int) -> None:
        account = self.account
        if self.is_server_told:
            self.pending.append(Pending(message_id, one.server_key, account.after_fetch, account.move_to))


def _told(placement: Placement, number: str | None) -> tuple[EventLevel, str]:
    if placement.ending is Ending.QUARANTINED:
        return "warning", f"quarantined: {placement.reason}"
    if placement.ending is Ending.IGNORED:
        return "info", "ignored"
    if placement.ending is Ending.BOUNCE:
        return "info", f"is a bounce{f', of record {number}' if number else ''}"
    if placement.draft is None:
        return "info", f"→ follow-up to {number}"
    return "info", f"→ {placement.draft.type} {number}, queue {placement.queue}"


def name_of(key: Key) -> str:
    """A message as the run log names it."""
    return f"uid {key.uid}" if key.folder and key.uid else f"message {key.uidl or key.uid}"


def batch_line(judged: Sequence[Judged]) -> str:
    """A batch as the run log names it."""
    size = sum(len(one.raw) for one in judged)
    return f"batch of {len(judged)} ({_size(size)})"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
