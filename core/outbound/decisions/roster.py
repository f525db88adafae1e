"""The mailboxes as they stand at one moment, arranged so that picking one is cheap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import groupby


class FromClass(IntEnum):
    """How well a mailbox fits a from address; smaller fits better."""

    EXACT = 0
    """Its from-filter names the address."""
    DOMAIN = 1
    """Its from-filter names the address's domain."""
    OPEN = 2
    """It has no from-filter."""
    NONE = 3
    """It is for other addresses."""


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """What deciding who sends needs to know of a mailbox."""

    id: int
    name: str
    active: bool = True
    priority: int = 10
    from_filter: tuple[str, ...] = ()
    """Addresses and domains (`example.org`, also `@example.org`)."""
    failover: int | None = None
    cooling_until: datetime | None = None
    last_turn: int = 0
    """The turn it last took; the smallest of its group is next."""
    max_size: int = 0
    """The largest message in bytes that it takes, by its own setting or by its server's word; 0: no limit is known."""
    takes_utf8: bool | None = None
    """Whether its relay offers SMTPUTF8, as it last said; `None`: it was not asked yet."""
    can_send: bool = True
    """Whether its template is there and has a server to send to."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The active mailboxes of one priority and from-filter class."""

    priority: int
    takers: tuple[MailboxFacts, ...]
    """Those that take turns."""
    reserves: tuple[MailboxFacts, ...]
    """Those that take none of their own, as failovers of others."""


class Roster:
    """All mailboxes, by from-filter class and priority."""

    __slots__ = ("_by_address", "_by_domain", "_chains", "_filters", "_open", "all_tiers", "mailboxes")

    def __init__(self, mailboxes: Iterable[MailboxFacts]) -> None:
        self.mailboxes: Mapping[int, MailboxFacts] = {mailbox.id: mailbox for mailbox in mailboxes}
        able = [mailbox for mailbox in self.mailboxes.values() if mailbox.active and mailbox.can_send]
        reserves = frozenset(mailbox.failover for mailbox in able if mailbox.failover is not None)
        by_address: dict[str, list[MailboxFacts]] = {}
        by_domain: dict[str, list[MailboxFacts]] = {}
        self._filters = {mailbox.id: _normalised(mailbox.from_filter) for mailbox in self.mailboxes.values()}
        for mailbox in able:
            for entry in self._filters[mailbox.id]:
                (by_address if "@" in entry else by_domain).setdefault(entry, []).append(mailbox)
        self._by_address = {address: _tiers(members, reserves) for address, members in by_address.items()}
        self._by_domain = {domain: _tiers(members, reserves) for domain, members in by_domain.items()}
        self._open = _tiers([mailbox for mailbox in able if not self._filters[mailbox.id]], reserves)
        self.all_tiers = _tiers(able, reserves)
        """Every active mailbox, whatever its from-filter."""
        self._chains = {mailbox.id: self._follow(mailbox) for mailbox in self.mailboxes.values()}

    def tiers_for(self, address: str) -> tuple[FromClass, tuple[Tier, ...]]:
        """The best class that has a mailbox for this lower-case address, and its priorities in order."""
        if tiers := self._by_address.get(address):
            return FromClass.EXACT, tiers
        if tiers := self._by_domain.get(address.rpartition("@")[2]):
            return FromClass.DOMAIN, tiers
        if self._open:
            return FromClass.OPEN, self._open
        return FromClass.NONE, self.all_tiers

    def class_of(self, mailbox: MailboxFacts, address: str) -> FromClass:
        """How well this mailbox fits a lower-case address."""
        entries = self._filters[mailbox.id]
        if not entries:
            return FromClass.OPEN
        if address in entries:
            return FromClass.EXACT
        return FromClass.DOMAIN if address.rpartition("@")[2] in entries else FromClass.NONE

    def failovers_of(self, mailbox: MailboxFacts) -> tuple[MailboxFacts, ...]:
        """Its failover, that one's failover, and so on, until there is none or it comes round."""
        return self._chains[mailbox.id]

    def _follow(self, mailbox: MailboxFacts) -> tuple[MailboxFacts, ...]:
        chain: list[MailboxFacts] = []
        current = mailbox
        while current.failover is not None:
            following = self.mailboxes.get(current.failover)
            if following is None or following is mailbox or following in chain:
                break
            chain.append(following)
            current = following
        return tuple(chain)


def _normalised(from_filter: tuple[str, ...]) -> frozenset[str]:
    return frozenset(entry.strip().lower().removeprefix("@") for entry in from_filter if entry.strip())


def _tiers(members: list[MailboxFacts], reserves: frozenset[int]) -> tuple[Tier, ...]:
    if not any(mailbox.id not in reserves for mailbox in members):
        # All are somebody's failover (of another class, or in a circle): then nobody else is there to take a turn.
        reserves = frozenset()
    ordered = sorted(members, key=lambda mailbox: (mailbox.priority, mailbox.id))
    tiers: list[Tier] = []
    for priority, group in groupby(ordered, key=lambda mailbox: mailbox.priority):
        peers = tuple(group)
        takers = tuple(mailbox for mailbox in peers if mailbox.id not in reserves)
        tiers.append(Tier(priority, takers, tuple(mailbox for mailbox in peers if mailbox not in takers)))
    return tuple(tiers)
