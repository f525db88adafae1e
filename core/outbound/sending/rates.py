"""The rates of all mailboxes while messages are dealt out, in a transaction that holds their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from core.outbound.decisions.rate import Rate

LONGEST_WAIT = timedelta(minutes=10)
"""Whoever waits for a rate looks again after so long: it may have been raised, or another mailbox may be there."""


class Line(NamedTuple):
    """Those that wait for one mailbox's rate; urgent ones stand in a line of their own."""

    mailbox_id: int
    is_urgent: bool


@dataclass
class Rates:
    """Only mailboxes that have a rate are in it."""

    rates: dict[int, Rate]
    now: datetime
    """The database's time."""
    waiting: dict[Line, int] = field(default_factory=dict)
    """How many stand in each line already: who comes later gets a later place."""
    changed: set[int] = field(default_factory=set)
    """Whose rate is to be written."""
    _used_up: dict[bool, dict[int, datetime]] = field(default_factory=dict)

    @classmethod
    def beginning(cls, rates: Mapping[int, Rate], now: datetime, waiting: Mapping[Line, int]) -> Rates:
        """As they stand before anything is dealt."""
        return cls(dict(rates), now, dict(waiting))

    def used_up(self, *, is_urgent: bool) -> Mapping[int, datetime]:
        """The mailboxes that may take no more, and when the next of those that wait may go."""
        if is_urgent not in self._used_up:
            self._used_up[is_urgent] = {
                key: self._next_place(key, rate, is_urgent=is_urgent)
                for key, rate in self.rates.items()
                if not rate.left(self.now, is_urgent=is_urgent)
            }
        return self._used_up[is_urgent]

    def take(self, mailbox_id: int) -> None:
        """One message is this mailbox's."""
        if mailbox_id in self.rates:
            self.rates[mailbox_id] = self.rates[mailbox_id].with_taken(self.now)
            self.changed.add(mailbox_id)
            self._used_up.clear()

    def take_some(self, mailbox_id: int, wanted: int, *, is_urgent: bool) -> int:
        """As many as there is room for; gives back how many that were."""
        rate = self.rates.get(mailbox_id)
        if rate is None:
            return wanted
        granted = min(wanted, rate.left(self.now, is_urgent=is_urgent))
        if granted:
            self.rates[mailbox_id] = rate.with_taken(self.now, granted)
            self.changed.add(mailbox_id)
            self._used_up.clear()
        return granted

    def give_back(self, mailbox_id: int, count: int) -> None:
        """So many were not begun."""
        if mailbox_id in self.rates:
            self.rates[mailbox_id] = self.rates[mailbox_id].with_given_back(count)
            self.changed.add(mailbox_id)
            self._used_up.clear()

    def wait(self, mailbox_id: int, *, is_urgent: bool) -> None:
        """One more waits for this mailbox."""
        line = Line(mailbox_id, is_urgent)
        self.waiting[line] = self.waiting.get(line, 0) + 1
        if is_urgent in self._used_up:
            rate = self.rates[mailbox_id]
            self._used_up[is_urgent][mailbox_id] = self._next_place(mailbox_id, rate, is_urgent=is_urgent)

    def written(self) -> dict[int, list[list[int]]]:
        """What is to be kept, by mailbox."""
        return {key: [list(pair) for pair in self.rates[key].taken] for key in sorted(self.changed)}

    def _next_place(self, mailbox_id: int, rate: Rate, *, is_urgent: bool) -> datetime:
        place = self.waiting.get(Line(mailbox_id, is_urgent), 0)
        return min(rate.free_at(self.now, place, is_urgent=is_urgent), self.now + LONGEST_WAIT)
