"""What came in from or to one person, removed at a person's request.

Of each message its row stays, without a name: its source key and digest say that it was here, so that it is not fetched
anew; of each record its number, queue and state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, delete, or_, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.db.doors import Database
from core.db.stretches import Tell, bytes_of_all, stretches
from core.inbound import retention
from core.inbound.record_retention import BLANK
from core.mail.naming import Naming, Place
from core.models import Delivery, Message, MessageState, OriginalMessage, Quarantine, RawMessage, Record, RunEvent

AT_ONCE = retention.AT_ONCE

TRAIL = [["erasure", "erased", "it was erased at a person's request"]]
"""What is left to say of a message."""

ERASED = "(erased)"
"""In the place of a record's title, and of what a run said of a message."""

_m, _quarantine, _record = table_of(Message), table_of(Quarantine), table_of(Record)
_raw, _original = table_of(RawMessage), table_of(OriginalMessage)
_delivery, _line = table_of(Delivery), table_of(RunEvent)


@dataclass
class Received:
    """What is here of one address."""

    messages: set[int] = field(default_factory=set)
    """The ids of messages from it, to it, or that name it in another field of the header; of reports all that do."""
    written: set[int] = field(default_factory=set)
    """Of these the ones that came from it."""
    mentions: set[int] = field(default_factory=set)
    """The ids of others, which name it in their text alone."""
    records: set[int] = field(default_factory=set)
    """The ids of records whose customer it is, or that it opened."""
    naming_records: set[int] = field(default_factory=set)
    """The ids of others' records, of which a title or field names it."""
    quarantined: int = 0
    """How many of the messages wait in quarantine."""
    bytes: int = 0


def received_from(database: Database, naming: Naming, tell: Tell, *, with_text: bool) -> Received:
    """What came in that is of an address; nothing of it is changed. `with_text`: what merely mentions it, too.

    `tell` is told how far the bytes of all messages have been looked through.
    """
    there = Received()
    for low, high in stretches(database, _m.c.id):
        with database.reading() as session:
            _look_at_messages(session, naming, there, _m.c.id.between(low, high))
    for raws, told in ((_raw, tell), (_original, _quietly)):
        for key, data in bytes_of_all(database, raws, raws.c.message_id, told):
            if (place := naming.place(data)) is not None:
                (there.mentions if place is Place.TEXT and not with_text else there.messages).add(key)
    _weigh(database, there)
    for low, high in stretches(database, _record.c.id):
        with database.reading() as session:
            _look_at_records(session, naming, there, _record.c.id.between(low, high))
    there.naming_records -= there.records
    return there


def _quietly(_so_much: int, _of: int) -> None:
    """Few are edited."""


def _look_at_messages(session: Session, naming: Naming, there: Received, here: ColumnElement[bool]) -> None:
    """By what lists show of them, which stays when the bytes are over."""
    texts = (_m.c.from_address, _m.c.header_from, _m.c.header_to, _m.c.subject, cast(_m.c.trail, String))
    says_so = or_(*(text.icontains(naming.address, autoescape=True) for text in texts))
    asked = select(_m.c.id, _m.c.record_id, _m.c.opened_record, *texts).where(here, says_so)
    for key, record_id, opened_record, from_address, *others in session.connection().execute(asked):
        if from_address.lower() == naming.address:
            there.written.add(key)
            if opened_record and record_id is not None:
                there.records.add(record_id)
        elif not naming.is_in(*others):
            continue
        there.messages.add(key)


def _weigh(database: Database, there: Received) -> None:
    """How many wait in quarantine, and their bytes; a report is the person's that says so in its text alone."""
    columns = (_m.c.id, _m.c.state, _m.c.size)
    for ids in _few_of(there.mentions):
        with database.reading() as session:
            for row in session.connection().execute(select(*columns).where(_m.c.id.in_(ids))):
                if row.state == MessageState.BOUNCE:
                    there.messages.add(row.id)
    there.mentions -= there.messages
    for ids in _few_of(there.messages):
        with database.reading() as session:
            for row in session.connection().execute(select(*columns).where(_m.c.id.in_(ids))):
                there.quarantined += row.state == MessageState.QUARANTINED
                there.bytes += row.size if row.state != MessageState.TOO_LARGE else 0


def _few_of(ids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))


def _look_at_records(session: Session, naming: Naming, there: Received, here: ColumnElement[bool]) -> None:
    texts = (_record.c.customer, _record.c.title, cast(_record.c.fields, String))
    says_so = or_(*(text.icontains(naming.address, autoescape=True) for text in texts))
    for key, customer, *others in session.connection().execute(select(_record.c.id, *texts).where(here, says_so)):
        if naming.is_in(customer):
            there.records.add(key)
        elif naming.is_in(*others):
            there.naming_records.add(key)


def erase_messages(session: Session, ids: Sequence[int], now: datetime) -> None:
    """Remove bytes, names, subjects and what hand-offs were still to be told of these messages.

    What their servers are still to be told is told: that needs nothing but the source key.
    """
    these = _m.c.id.in_(ids)
    run_ids = list(session.connection().scalars(select(_m.c.run_id).where(these, _m.c.run_id.is_not(None)).distinct()))
    of_runs = update(_line).where(_line.c.run_id.in_(run_ids), _line.c.message_id.in_(ids))
    session.connection().execute(of_runs.values(text=ERASED))
    retention.drop_bytes(session, ids)
    session.connection().execute(delete(_quarantine).where(_quarantine.c.message_id.in_(ids)))
    session.connection().execute(delete(_delivery).where(_delivery.c.message_id.in_(ids)))
    # What was too large is on its server; it is not to come when the limit is raised, nor to be described again.
    left = update(_m).where(these, _m.c.state == MessageState.TOO_LARGE.value).values(acknowledged_at=now)
    session.connection().execute(left)
    ended = (MessageState.QUARANTINED.value, MessageState.TOO_LARGE.value)
    session.connection().execute(
        update(_m).where(these, _m.c.state.in_(ended)).values(state=MessageState.IGNORED.value)
    )
    session.connection().execute(update(_m).where(these).values({**BLANK, "date": None, "trail": TRAIL}))


def erase_records(session: Session, ids: Sequence[int]) -> None:
    """Remove what these records say of their customer; they stay, with their numbers and whoever else wrote to them."""
    blank = {"title": ERASED, "customer": "", "fields": {}}
    session.connection().execute(update(_record).where(_record.c.id.in_(ids)).values(blank))


def erase_in_records(session: Session, ids: Sequence[int], naming: Naming) -> None:
    """Remove the title and the fields of others' records that name the address, and leave the rest of them."""
    asked = select(_record.c.id, _record.c.title, _record.c.fields).where(_record.c.id.in_(ids))
    for key, title, fields in session.connection().execute(asked).all():
        values = {
            "title": ERASED if naming.is_in(title) else title,
            "fields": {name: ERASED if naming.is_in(value) else value for name, value in fields.items()},
        }
        session.connection().execute(update(_record).where(_record.c.id == key).values(values))
