"""What came in from or to one person, removed at a person's request.

Of each message its row stays, without a name: its source key and digest say that it was here, so that it is not fetched
anew; of each record its number, queue and state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, delete, func, or_, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.inbound import retention
from core.inbound.record_retention import BLANK
from core.mail.addresses import bare_addresses
from core.models import Delivery, Message, MessageState, Quarantine, Record, RunEvent

AT_ONCE = retention.AT_ONCE

TRAIL = [["erasure", "erased", "it was erased at a person's request"]]
"""What is left to say of a message."""

ERASED = "(erased)"
"""In the place of a record's title, and of what a run said of a message."""

_m, _quarantine, _record = table_of(Message), table_of(Quarantine), table_of(Record)
_delivery, _line = table_of(Delivery), table_of(RunEvent)


@dataclass(frozen=True)
class Received:
    """What is here of one address."""

    messages: tuple[int, ...] = ()
    """The ids of messages from it, to it, or that report of it."""
    records: tuple[int, ...] = ()
    """The ids of records whose customer it is, or that it opened."""
    quarantined: int = 0
    """How many of the messages wait in quarantine."""
    bytes: int = 0


def received_from(session: Session, address: str) -> Received:
    """What came in from or to an address, which is in lower case; nothing of it is changed."""
    rows = list(_messages(session, address))
    ids = tuple(row.id for row in rows)
    opened = {row.record_id for row in rows if row.opened_record and row.from_address.lower() == address}
    customer = select(_record.c.id, _record.c.customer).where(_record.c.customer.icontains(address, autoescape=True))
    known = {row.id for row in session.connection().execute(customer) if _names(address, row.customer)}
    return Received(
        ids,
        tuple(sorted((opened | known) - {None})),
        sum(row.state == MessageState.QUARANTINED for row in rows),
        sum(row.size for row in rows if row.state != MessageState.TOO_LARGE),
    )


def _messages(session: Session, address: str) -> Iterator[Any]:
    columns = ("id", "size", "state", "from_address", "header_from", "header_to", "record_id", "opened_record")
    # A report on mail that came back names its recipient in why it is where it is.
    reports = and_(
        _m.c.state == MessageState.BOUNCE.value, cast(_m.c.trail, String).icontains(address, autoescape=True)
    )
    asked = select(*(_m.c[name] for name in columns), reports.label("is_report")).where(
        or_(
            func.lower(_m.c.from_address) == address,
            _m.c.header_from.icontains(address, autoescape=True),
            _m.c.header_to.icontains(address, autoescape=True),
            reports,
        )
    )
    for row in session.connection().execute(asked.order_by(_m.c.id)):
        if row.is_report or row.from_address.lower() == address or _names(address, row.header_from, row.header_to):
            yield row


def _names(address: str, *fields: str) -> bool:
    """Whether one of these fields holds this address, and not merely one that ends or begins like it."""
    return any(address == one.lower() for field in fields for one in bare_addresses(field))


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
