"""Taking from a mailbox's rate for a message that was not dealt to it: one that moves on, or goes in several parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Mailbox, MailboxStatus
from core.outbound.decisions.rate import Rate
from core.outbound.sending.rates import Line, Rates
from core.outbox.mailbox_news import write_rates


class Granted(NamedTuple):
    """What was taken of a mailbox's rate."""

    messages: int
    free_at: datetime
    """When the next is free; now, if there is one."""


class Reserve:
    """What was taken ahead for several messages at once; used by one thread, for one page."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._granted: dict[Line, int] = {}
        self._free_at: dict[Line, datetime] = {}

    def take(self, mailbox_id: int, *, is_urgent: bool, likely: int = 1) -> datetime | None:
        """Take one for a message, of as many as are likely to follow; `None`: it may go, else when to ask again."""
        line = Line(mailbox_id, is_urgent)
        if not self._granted.get(line) and line not in self._free_at:
            granted = self._handles.database.writing(
                lambda session: reserve(session, mailbox_id, likely, is_urgent=is_urgent)
            )
            self._granted[line] = granted.messages
            if granted.messages < likely:
                self._free_at[line] = granted.free_at
        if not self._granted.get(line):
            return self._free_at[line]
        self._granted[line] -= 1
        return None

    def left(self) -> dict[int, int]:
        """What was taken and not needed, by mailbox, to be given back."""
        left: dict[int, int] = {}
        for line, count in self._granted.items():
            if count:
                left[line.mailbox_id] = left.get(line.mailbox_id, 0) + count
        self._granted.clear()
        return left


def reserve(session: Session, mailbox_id: int, wanted: int, *, is_urgent: bool) -> Granted:
    """Take up to so many of a mailbox's rate."""
    rates = _rates_of(session, [mailbox_id])
    granted = rates.take_some(mailbox_id, wanted, is_urgent=is_urgent)
    write_rates(session, rates.written())
    return Granted(granted, rates.used_up(is_urgent=is_urgent).get(mailbox_id, rates.now))


def give_back(session: Session, counts: Mapping[int, int]) -> None:
    """So many messages of these mailboxes were not begun."""
    if counts:
        rates = _rates_of(session, sorted(counts))
        for mailbox_id, count in counts.items():
            rates.give_back(mailbox_id, count)
        write_rates(session, rates.written())


def _rates_of(session: Session, mailbox_ids: list[int]) -> Rates:
    status, mailbox = table_of(MailboxStatus).c, table_of(Mailbox).c
    locked = select(status.mailbox_id, status.rate_taken).where(status.mailbox_id.in_(mailbox_ids))
    taken = {
        key: pairs for key, pairs in session.connection().execute(locked.order_by(status.mailbox_id).with_for_update())
    }
    asked = select(mailbox.id, mailbox.rate_per_minute).where(mailbox.id.in_(mailbox_ids), mailbox.rate_per_minute > 0)
    rates = {key: Rate.read(rate, taken.get(key, ())) for key, rate in session.connection().execute(asked)}
    return Rates.beginning(rates, database_time(session), {})
