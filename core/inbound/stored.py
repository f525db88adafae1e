"""Stored messages read again, newest first, with their bytes, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Message, RawMessage, Record
from core.protocols.source import Fetched, Key

WINDOW_MESSAGES = 200
WINDOW_BYTES = 8 << 20
"""How much is held in memory at a time; one larger message is held alone."""

_NAMES = (
    "id", "account_id", "folder", "uidvalidity", "uid", "uidl", "size", "message_id", "subject", "header_from",
    "received_at", "state", "opened_record",
)  # fmt: skip
_message, _raw, _record = table_of(Message), table_of(RawMessage), table_of(Record)


@dataclass(frozen=True)
class StoredMessage:
    """A message as it is kept."""

    row: Row[Any]
    """Its columns, and the `number` of its record."""
    raw: bytes

    @property
    def fetched(self) -> Fetched:
        """The message as its server gave it."""
        row = self.row
        return Fetched(Key(row.folder, row.uidvalidity, row.uid, row.uidl), self.raw, len(self.raw), row.received_at)


def stored_messages(handles: Handles, last: int) -> Iterator[list[StoredMessage]]:
    """The last messages whose bytes are kept; no session is open while a window is looked at."""
    left, below = last, None
    while left > 0 and (rows := _rows(handles, below, min(left, WINDOW_MESSAGES))):
        left, below = left - len(rows), rows[-1].id
        with handles.database.reading() as session:
            wanted = select(_raw.c.message_id, _raw.c.data).where(_raw.c.message_id.in_([row.id for row in rows]))
            raws: dict[int, bytes] = {key: bytes(data) for key, data in session.connection().execute(wanted)}
        yield [StoredMessage(row, raws[row.id]) for row in rows if row.id in raws]


def stored_message(handles: Handles, message_id: int) -> StoredMessage | None:
    """One message; `None` if it is not here, or its bytes are not kept."""
    with handles.database.reading() as session:
        raw = session.get(RawMessage, message_id)
    row = next(iter(_rows(handles, message_id + 1, 1)), None)
    return StoredMessage(row, raw.data) if raw is not None and row is not None else None


def _rows(handles: Handles, below: int | None, most: int) -> list[Any]:
    statement = (
        select(*(_message.c[name] for name in _NAMES), _record.c.number)
        .join(_raw, _raw.c.message_id == _message.c.id)
        .outerjoin(_record, _record.c.id == _message.c.record_id)
        .order_by(_message.c.id.desc())
        .limit(most)
    )
    if below is not None:
        statement = statement.where(_message.c.id < below)
    with handles.database.reading() as session:
        rows: Sequence[Any] = session.connection().execute(statement).all()
    fitting, size = 0, 0
    for row in rows:
        size += row.size
        if fitting and size > WINDOW_BYTES:
            break
        fitting += 1
    return list(rows[:fitting])
