"""Which mailboxes to try for a message, in which order: asked by the sender and by the route simulator alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from core.outbound.decisions.roster import FromClass, MailboxFacts, Roster

OUT_OF_RATE = "has used up its rate"
"""Why a mailbox is left out that may send no more for now."""

NO_UTF8 = "has a relay without SMTPUTF8, which the recipient needs"
"""Why a mailbox is left out for recipients with letters beyond ASCII before the @."""

GONE = "no mailbox: the one that was asked for is gone"
"""What is said of a message that was handed in for a mailbox which was deleted since."""

_NO_TURNS: Mapping[int, int] = MappingProxyType({})
_NO_RATES: Mapping[int, datetime] = MappingProxyType({})


class Hop(NamedTuple):
    """One mailbox to try, and why it stands where it stands."""

    mailbox: int
    why: str
    may_come: bool = False
    """Of one that is passed over: whether it may send the message later, with nothing changed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who sends: try the hops in their order until one of them is not to blame for a failure."""

    hops: tuple[Hop, ...]
    turn_of: int
    """The mailbox whose turn is taken, whether or not it can send itself."""
    from_class: FromClass
    replace_from: bool = False
    """No mailbox is for this from address: From is replaced by the sending mailbox's own, with a warning."""
    passed_over: tuple[Hop, ...] = ()
    """Who would have come earlier, and why it does not."""

    @property
    def chain(self) -> tuple[int, ...]:
        """The ids of the mailboxes, in the order of trying."""
        return tuple(hop.mailbox for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody can send it now; somebody will be able to at `until`."""

    until: datetime
    why: str
    passed_over: tuple[Hop, ...] = ()
    rate_of: int | None = None
    """The mailbox whose rate it waits for, if that is what is first to come back."""


@dataclass(frozen=True, slots=True)
class NoMailbox:
    """Nobody can send it before a person changes something."""

    why: str
    is_too_large: bool = False
    """It is over the limit of every mailbox that might send it, also once all are as they should be."""
    passed_over: tuple[Hop, ...] = ()


def pick(
    roster: Roster,
    from_address: str,
    now: datetime,
    *,
    forced: int | None = None,
    size: int = 0,
    turns: Mapping[int, int] = _NO_TURNS,
    out_of_rate: Mapping[int, datetime] = _NO_RATES,
    needs_utf8: bool = False,
) -> Choice | Wait | NoMailbox:
    """Choose who sends a message from this address (the first From address; without one the envelope sender).

    With `needs_utf8` none of its recipients can be named without SMTPUTF8: relays that are known not to offer it are
    asked only when no other one is there, anew then, for what a relay offers may change.
    `turns` are turns taken since the roster was drawn up, by mailbox: the caller adds `turn_of` with the next number.
    `out_of_rate` says of mailboxes whose rate is used up when each may take this message.
    """
    address = from_address.strip().lower()
    search = _Search(roster, address, now, size, out_of_rate, needs_utf8=needs_utf8)
    if forced is not None:
        return _forced(roster, search, forced)
    from_class, tiers = roster.tiers_for(address)
    if not tiers:
        return NoMailbox("no mailbox: none is active with a template that can send")
    search.from_class = from_class
    turn_of: int | None = None
    for tier in tiers:
        place = "next in turn of its priority" if turn_of is None else f"next priority, {tier.priority}"
        queue = _in_turn(tier.takers, turns)
        if turn_of is None and (first := search.whose_turn(queue)) is not None:
            turn_of = first.id
            search.add(first, "its turn")
            search.add_failovers(first)
        elif turn_of is None and any(map(search.waits_for_rate, queue)):
            return search.wait_for_rate(queue)
        for mailbox in (*queue, *tier.reserves):
            search.add(mailbox, place)
            search.add_failovers(mailbox)
    return search.outcome(turn_of)


def _forced(roster: Roster, search: _Search, forced: int) -> Choice | Wait | NoMailbox:
    mailbox = roster.mailboxes.get(forced)
    if mailbox is None:
        return NoMailbox(GONE)
    if mailbox.active:
        search.add(mailbox, "asked for")
    else:
        search.pass_over_until_mended(mailbox, "not active")
    search.add_failovers(mailbox)
    return search.outcome(forced, replace_from=False)


def _in_turn(takers: Iterable[MailboxFacts], turns: Mapping[int, int]) -> list[MailboxFacts]:
    """Longest idle first."""
    return sorted(takers, key=lambda mailbox: (turns.get(mailbox.id, mailbox.last_turn), mailbox.id))


class _Search:
    """One pick in progress: who is in, who is out, and until when."""

    __slots__ = (
        "_address",
        "_hops",
        "_is_mendable",
        "_lacking",
        "_needs_utf8",
        "_now",
        "_out_of_rate",
        "_passed_over",
        "_rate_of",
        "_roster",
        "_seen",
        "_size",
        "_too_small",
        "_until",
        "from_class",
    )

    def __init__(
        self,
        roster: Roster,
        address: str,
        now: datetime,
        size: int,
        out_of_rate: Mapping[int, datetime],
        *,
        needs_utf8: bool,
    ) -> None:
        self._roster = roster
        self._address = address
        self._now = now
        self._size = size
        self.from_class = FromClass.NONE
        self._seen: set[int] = set()
        self._hops: list[Hop] = []
        self._needs_utf8 = needs_utf8
        self._lacking: list[Hop] = []
        self._passed_over: list[Hop] = []
        self._too_small = 0
        self._is_mendable = False
        self._out_of_rate = out_of_rate
        self._until: datetime | None = None
        self._rate_of: int | None = None

    def whose_turn(self, queue: Iterable[MailboxFacts]) -> MailboxFacts | None:
        """The first in turn that may take it. A cooling one keeps its turn; one out of rate gives it to the next."""
        able = filter(self._suits, queue)
        return next((mailbox for mailbox in able if not self.is_out_of_rate(mailbox)), None)

    def waits_for_rate(self, mailbox: MailboxFacts) -> bool:
        """Whether only its rate keeps it from taking its turn."""
        return self.is_out_of_rate(mailbox) and self._suits(mailbox)

    def is_out_of_rate(self, mailbox: MailboxFacts) -> bool:
        """Whether its rate is used up."""
        return mailbox.id in self._out_of_rate

    def add(self, mailbox: MailboxFacts, why: str) -> None:
        """Put a mailbox next in the order, unless it is there already or cannot send this now."""
        if mailbox.id in self._seen:
            return
        if not mailbox.can_send:
            self.pass_over_until_mended(mailbox, "its template is gone or has no server to send to")
        elif not self._fits(mailbox):
            self._too_small += 1
            self.pass_over(mailbox, f"takes at most {mailbox.max_size} bytes")
        elif mailbox.cooling_until is not None and mailbox.cooling_until > self._now:
            self.pass_over(mailbox, f"cools down until {mailbox.cooling_until:%H:%M:%S} UTC", mailbox.cooling_until)
        elif self.is_out_of_rate(mailbox):
            self.pass_over(mailbox, OUT_OF_RATE, self._out_of_rate[mailbox.id], is_for_rate=True)
        elif self._lacks_utf8(mailbox):
            self.pass_over(mailbox, NO_UTF8)
            self._lacking.append(Hop(mailbox.id, "its relay did not offer SMTPUTF8 when last asked; it is asked anew"))
        else:
            self._seen.add(mailbox.id)
            self._hops.append(Hop(mailbox.id, why))

    def add_failovers(self, mailbox: MailboxFacts) -> None:
        """Put its failovers next, though inactive; never one that fits the from address worse."""
        if self.is_out_of_rate(mailbox):
            return
        named_by = mailbox
        for failover in self._roster.failovers_of(mailbox):
            if failover.id not in self._seen and self._roster.class_of(failover, self._address) > self.from_class:
                self.pass_over(failover, f"failover of {named_by.name}, but not for this from address")
            else:
                self.add(failover, f"failover of {named_by.name}")
            named_by = failover

    def pass_over(
        self, mailbox: MailboxFacts, why: str, until: datetime | None = None, *, is_for_rate: bool = False
    ) -> None:
        """Leave a mailbox out, and remember when it could come in."""
        self._seen.add(mailbox.id)
        self._passed_over.append(Hop(mailbox.id, why, may_come=until is not None))
        if until is not None and (self._until is None or until < self._until):
            self._until, self._rate_of = until, mailbox.id if is_for_rate else None

    def pass_over_until_mended(self, mailbox: MailboxFacts, why: str) -> None:
        """Leave a mailbox out until a person does something about it; it might take the message then."""
        self._is_mendable = True
        self.pass_over(mailbox, why)

    def wait_for_rate(self, queue: Iterable[MailboxFacts]) -> Choice | Wait | NoMailbox:
        """The rate is used up all around: it waits; neither a failover nor a worse priority is there for that."""
        for mailbox in queue:
            self.add(mailbox, "")
        return self.outcome(None)

    def outcome(self, turn_of: int | None, *, replace_from: bool | None = None) -> Choice | Wait | NoMailbox:
        """What the search has come to."""
        passed_over = tuple(self._passed_over)
        replace = self.from_class is FromClass.NONE if replace_from is None else replace_from
        if self._hops:
            first = turn_of if turn_of is not None else self._hops[0].mailbox
            return Choice(tuple(self._hops), first, self.from_class, replace, passed_over)
        names = self._roster.mailboxes
        reasons = "; ".join(f"{names[hop.mailbox].name}: {hop.why}" for hop in passed_over)
        if self._until is not None:
            return Wait(self._until, reasons, passed_over, self._rate_of)
        if self._lacking:
            asked = {hop.mailbox for hop in self._lacking}
            others = tuple(hop for hop in passed_over if hop.mailbox not in asked)
            return Choice(tuple(self._lacking), self._lacking[0].mailbox, self.from_class, replace, others)
        return NoMailbox(f"no mailbox: {reasons}", self._too_small > 0 and not self._is_mendable, passed_over)

    def _suits(self, mailbox: MailboxFacts) -> bool:
        """Whether it takes messages like this one."""
        return self._fits(mailbox) and not self._lacks_utf8(mailbox)

    def _lacks_utf8(self, mailbox: MailboxFacts) -> bool:
        return self._needs_utf8 and mailbox.takes_utf8 is False

    def _fits(self, mailbox: MailboxFacts) -> bool:
        return not mailbox.max_size or self._size <= mailbox.max_size
