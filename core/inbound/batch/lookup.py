"""Loading what a batch needs to know of the database, in a handful of queries, inside its transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, and_, bindparam, or_, select
from sqlmodel import Session

from core.db.alike import dialect_of
from core.db.among import is_among
from core.db.bulk import table_of
from core.inbound.decisions.judging import Judged
from core.inbound.decisions.known import Copy, Known, Same, Sent
from core.inbound.decisions.placement import KnownRecord, Verdict
from core.inbound.marks import source_of
from core.models import Account, FolderMark, Message, MessageState, OutgoingMessage, Queue, Record
from core.models.base import UtcDateTime
from core.protocols.source import Key

_message, _record, _queue, _outgoing = (table_of(model) for model in (Message, Record, Queue, OutgoingMessage))
_MAILDROP = ("", "INBOX")
"""What POP3 serves has no folder's name (RFC 1939); over IMAP the same mail is the INBOX."""


@dataclass(frozen=True)
class Stored:
    """A message of this batch that is here already."""

    id: int
    state: str
    is_acknowledged: bool
    after_fetch: str
    move_to: str


def already_here(session: Session, account: Account, keys: Sequence[Key]) -> dict[Key, Stored]:
    """Which of these source keys are stored."""
    found: dict[Key, Stored] = {}
    if not keys:
        return found
    first = keys[0]
    place = source_of(account, first)
    statement = select(_message).where(
        *(_message.c[name] == place[name] for name in ("account_id", "epoch", "folder", "uidvalidity")),
        or_(
            and_(_message.c.uid != 0, _message.c.uid.in_([key.uid for key in keys if key.uid])),
            and_(_message.c.uid == 0, _message.c.uidl.in_([key.uidl for key in keys if key.uidl])),
        ),
    )
    for row in session.connection().execute(statement):
        key = Key(row.folder, row.uidvalidity, row.uid, row.uidl)
        found[key] = Stored(row.id, row.state, row.acknowledged_at is not None, row.after_fetch, row.move_to)
    return found


@dataclass
class Equals:
    """Stored messages of the same bytes."""

    ids: list[int] = field(default_factory=list)
    """Those known under an older numbering only, oldest first."""
    known: int = 0
    """How many were matched with this numbering already."""

    @property
    def is_ambiguous(self) -> bool:
        """Whether it cannot be known which of them a message on the server is."""
        return len(self.ids) + self.known > 1


def by_bytes(session: Session, account: Account, mark: FolderMark, arrivals: Sequence[Judged]) -> dict[str, Equals]:
    """What is stored under an older numbering of this folder, by SHA-256."""
    wanted = [one.sha256 for one in arrivals if one.key.uid <= mark.match_upto]
    if not mark.match_upto or not wanted:
        return {}
    is_current = and_(_message.c.epoch == account.epoch, _message.c.uidvalidity == mark.uidvalidity)
    found: dict[str, Equals] = defaultdict(Equals)
    statement = (
        select(_message.c.sha256, _message.c.id, is_current.label("is_current"))
        .where(
            _message.c.account_id == account.id,
            _message.c.folder.in_(_MAILDROP if mark.folder in _MAILDROP else (mark.folder,)),
            _message.c.sha256.in_(set(wanted)),
            _message.c.state != MessageState.TOO_LARGE.value,
            or_(~is_current, _message.c.uid <= mark.match_upto),
        )
        .order_by(_message.c.id)
    )
    for row in session.connection().execute(statement):
        if row.is_current:
            found[row.sha256].known += 1
        else:
            found[row.sha256].ids.append(row.id)
    return found


def load_known(
    session: Session, account: Account, verdicts: Sequence[Verdict], recorded_at: Mapping[str, Sequence[datetime]]
) -> Known:
    """What the fold over these messages may ask for; `recorded_at` is what this run knows of senders already."""
    answered = {one for verdict in verdicts for one in verdict.candidates.message_ids}
    numbers = {
        number for verdict in verdicts for number in (*verdict.candidates.numbers, *verdict.candidates.late_numbers)
    }
    by_message_id, of_others = _records_of_messages(session, account, answered)
    copies = _copies(session, account, verdicts)
    sent = _sent(session, [verdict for verdict in verdicts if verdict.facts.bounce or verdict.own])
    numbers |= {
        *by_message_id.values(),
        *(copy.number for copy in copies.values()),
        *(one.number for one in sent if one.number),
    }
    return Known(
        records=_records(session, numbers),
        message_ids=by_message_id,
        recorded_at=_recorded_at(session, account, verdicts, recorded_at),
        outgoing=sent,
        copies=copies,
        of_others=of_others,
    )


def _records_of_messages(session: Session, account: Account, message_ids: set[str]) -> tuple[dict[str, str], set[str]]:
    found: dict[str, str] = {}
    of_others: set[str] = set()
    if message_ids:
        given = {"message_ids": list(message_ids), "account": account.id}
        for row in session.connection().execute(_answered(dialect_of(session)), given):
            if row.account_id != account.id and row.message_id not in found:
                of_others.add(row.message_id)
            found.setdefault(row.message_id, row.number)
    if ours := message_ids - found.keys():
        # Some programs answer by In-Reply-To alone, which names our answer and nothing that came in.
        for row in session.connection().execute(_answers(dialect_of(session)), {"message_ids": list(ours)}):
            found.setdefault(row.message_id, row.number)
    return found, of_others


def _records(session: Session, numbers: set[str]) -> Iterator[KnownRecord]:
    if numbers:
        for row in session.connection().execute(_numbered(dialect_of(session)), {"numbers": list(numbers)}):
            yield KnownRecord(row.number, row.name or "", row.state, row.id, row.type)


def _copies(session: Session, account: Account, verdicts: Sequence[Verdict]) -> dict[Same, Copy]:
    found: dict[Same, Copy] = {}
    digests = {verdict.facts.sha256 for verdict in verdicts if verdict.facts.summary.message_id}
    if digests and len(account.folders) > 1:
        given = {"digests": list(digests), "account": account.id}
        for row in session.connection().execute(_of_same_bytes(dialect_of(session)), given):
            found.setdefault(Same(row.sha256, row.message_id), Copy(row.folder, row.number))
    return found


def _recorded_at(
    session: Session, account: Account, verdicts: Sequence[Verdict], known: Mapping[str, Sequence[datetime]]
) -> dict[str, Sequence[datetime]]:
    senders = {verdict.sender for verdict in verdicts if verdict.rules.loop.records or verdict.own}
    # Nobody else takes in this account's mail while the run has its lease: what is known of a sender stays true.
    unknown = senders - known.keys()
    found: dict[str, list[datetime]] = {sender: [] for sender in unknown}
    if unknown:
        earliest = min(verdict.facts.received_at - verdict.rules.loop.window for verdict in verdicts)
        given = {"senders": list(unknown), "account": account.id, "earliest": earliest}
        for row in session.connection().execute(_of_senders(dialect_of(session)), given):
            found[row.from_address].append(row.received_at)
    return {**found, **{sender: known[sender] for sender in senders & known.keys()}}


def _sent(session: Session, returned: Sequence[Verdict]) -> list[Sent]:
    """The messages of ours that these report on, or are."""
    message_ids = {
        one.facts.bounce.original_message_id if one.facts.bounce else one.facts.summary.message_id for one in returned
    } - {""}
    ids = {one.returned_id for one in returned if one.returned_id is not None}
    found: dict[str, Sent] = {}
    for column, wanted in ((_outgoing.c.message_id, message_ids), (_outgoing.c.id, ids)):
        if wanted:
            statement = _reported(dialect_of(session), column)
            for row in session.connection().execute(statement, {"wanted": list(wanted)}):
                known = found.get(row.message_id, Sent((), row.message_id))
                rows = tuple(sorted({*known.ids, row.id}))
                found[row.message_id] = Sent(rows, row.message_id, known.number or row.number)
    return list(found.values())


# What each batch asks is made once.


@lru_cache(maxsize=2)
def _answered(dialect: str) -> Any:
    """The records of messages by their Message-IDs; those of the account itself come first."""
    return (
        select(_message.c.message_id, _record.c.number, _message.c.account_id)
        .join(_record, _record.c.id == _message.c.record_id)
        .where(is_among(_message.c.message_id, "message_ids", dialect))
        .order_by(_message.c.account_id != bindparam("account"), _message.c.id)
    )


@lru_cache(maxsize=2)
def _answers(dialect: str) -> Any:
    """The records of our own answers by their Message-IDs."""
    return (
        select(_outgoing.c.message_id, _record.c.number)
        .join(_record, _record.c.id == _outgoing.c.record_id)
        .where(is_among(_outgoing.c.message_id, "message_ids", dialect))
        .order_by(_outgoing.c.id)
    )


@lru_cache(maxsize=2)
def _numbered(dialect: str) -> Any:
    return (
        select(_record.c.id, _record.c.number, _record.c.state, _record.c.type, _queue.c.name)
        .outerjoin(_queue, _queue.c.id == _record.c.queue_id)
        .where(is_among(_record.c.number, "numbers", dialect))
    )


@lru_cache(maxsize=2)
def _of_same_bytes(dialect: str) -> Any:
    return (
        select(_message.c.sha256, _message.c.message_id, _message.c.folder, _record.c.number)
        .join(_record, _record.c.id == _message.c.record_id)
        .where(_message.c.account_id == bindparam("account"), is_among(_message.c.sha256, "digests", dialect))
        .order_by(_message.c.id)
    )


@lru_cache(maxsize=2)
def _of_senders(dialect: str) -> Any:
    """When messages of some senders opened records."""
    return (
        select(_message.c.from_address, _message.c.received_at)
        .where(
            _message.c.account_id == bindparam("account"),
            is_among(_message.c.from_address, "senders", dialect),
            _message.c.received_at >= bindparam("earliest", type_=UtcDateTime()),
            _message.c.opened_record.is_(True),
        )
        .order_by(_message.c.received_at)
    )


@lru_cache(maxsize=4)
def _reported(dialect: str, column: Column[Any]) -> Any:
    return (
        select(_outgoing.c.id, _outgoing.c.message_id, _record.c.number)
        .outerjoin(_record, _record.c.id == _outgoing.c.record_id)
        .where(is_among(column, "wanted", dialect))
        .order_by(_outgoing.c.id)
    )
