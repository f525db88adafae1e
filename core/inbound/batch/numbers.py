"""Ids and record numbers for a batch, taken from counters all workers share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from core.db.bulk import reserve_all


class RecordNumbers(NamedTuple):
    """The numbers of one new record."""

    id: int
    counter: int
    """Its place among the records of its day."""


@dataclass
class Block:
    """Numbers reserved for one batch; what is not used is a gap."""

    first_message: int
    first_record: int
    first_counter: int
    _messages: int = 0
    _records: int = 0

    def next_message(self) -> int:
        """The id of the next message."""
        self._messages += 1
        return self.first_message + self._messages - 1

    def next_record(self) -> RecordNumbers:
        """The numbers of the next record."""
        self._records += 1
        return RecordNumbers(self.first_record + self._records - 1, self.first_counter + self._records - 1)

    def fresh(self) -> Block:
        """The same numbers, none of them used: a transaction that is tried again starts over."""
        return Block(self.first_message, self.first_record, self.first_counter)


def reserve_block(session: Session, messages: int, records: int, now: datetime) -> Block:
    """Reserve ids for so many messages and at most so many new records of today."""
    counter = f"record:{now:%Y%m%d}"
    wanted = {"message": messages, "record": records, counter: records}
    needed = {name: count for name, count in wanted.items() if count}
    first = reserve_all(session, needed) if needed else {}
    return Block(first.get("message", 0), first.get("record", 0), first.get(counter, 0))
