"""Taking from a mailbox's rate for a message that was not dealt to it: one that moves on, or goes in several parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Mailbox, MailboxStatus
from core.outbound.decisions.rate import Rate
from core.outbound.sending.rates import Rates
from core.outbox.mailbox_news import write_rates


class Reserve:
    """What was taken ahead for several messages at once; used by one thread, for one page."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._granted: dict[tuple[int, bool], int] = {}
        self._free_at: dict[tuple[int, bool], datetime] = {}

    def take(self, mailbox_id: int, *, is_urgent: bool, likely: int = 1) -> datetime | None:
        """Take one for a message, of as many as are likely to follow; `None`: it may go, else when to ask again."""
        kind = (mailbox_id, is_urgent)
        if not self._granted.get(kind) and kind not in self._free_at:
            granted, free_at = self._handles.database.writing(
                lambda session: reserve(session, mailbox_id, likely, is_urgent=is_urgent)
            )
            self._granted[kind] = granted
            if granted < likely:
                self._free_at[kind] = free_at
        if not self._granted.get(kind):
            return self._free_at[kind]
        self._granted[kind] -= 1
        return None

    def left(self) -> dict[int, int]:
        """What was taken and not needed, by mailbox, to be given back."""
        left: dict[int, int] = {}
        for (mailbox_id, _), count in self._granted.items():
            if count:
                left[mailbox_id] = left.get(mailbox_id, 0) + count
        self._granted.clear()
        return left


def reserve(session: Session, mailbox_id: int, wanted: int, *, is_urgent: bool) -> tuple[int, datetime]:
    """Take up to so many of a mailbox's rate; gives back how many that were, and when the next is free."""
    rates = _rates_of(session, [mailbox_id])
    granted = rates.take_some(mailbox_id, wanted, is_urgent=is_urgent)
    write_rates(session, rates.written())
    return granted, rates.used_up(is_urgent=is_urgent).get(mailbox_id, rates.now)


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
