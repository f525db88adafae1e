"""The route simulator: who would send a message from an address now, and who if that one is down."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from core.errors import NotFound
from core.handles import Handles
from core.mail.strict_address import strict_address
from core.outbound.pick import Choice, Hop, NoMailbox, Wait, pick
from core.outbound.rates import Rates
from core.outbound.roster import Roster
from core.outbound.route import load_snapshot
from core.outbox.claim import time_of
from core.services import access
from core.services.actor import Actor

_DOWN_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Stop:
    """One mailbox that would be tried, or was passed over."""

    mailbox: str
    why: str


@dataclass(frozen=True)
class Simulated:
    """What would happen."""

    stops: tuple[Stop, ...]
    """The mailboxes that would be tried, in their order."""
    passed_over: tuple[Stop, ...]
    why: str = ""
    """Why nobody would send it now; empty if somebody would."""
    replaces_from: bool = False
    """Whether From would be replaced, because no mailbox is for that address."""


def simulate(handles: Handles, actor: Actor, sender: str, recipient: str, down: Collection[str] = ()) -> Simulated:
    """Who would send from `sender` to `recipient` now, were the mailboxes `down` out of reach; takes no turn.

    Raises:
        ValueError: an address is none.
        NotFound: there is no mailbox of a name in `down`.
    """
    access.require(actor, access.SEE, "mailbox")
    sender, _ = strict_address(sender), strict_address(recipient)
    with handles.database.reading() as session:
        snapshot = load_snapshot(session, is_claiming=False)
        now = time_of(session)
    roster = snapshot.roster
    names = {mailbox.id: mailbox.name for mailbox in roster.mailboxes.values()}
    for name in down:
        if name not in names.values():
            raise NotFound(f"There is no mailbox {name!r}. To see what there is: postroom list mailbox")
    without = Roster(
        replace(mailbox, cooling_until=now + _DOWN_FOR) if mailbox.name in down else mailbox
        for mailbox in roster.mailboxes.values()
    )
    used_up = Rates.beginning(snapshot.rates, now, {}).used_up(is_urgent=False)
    return _told(pick(without, sender, now, out_of_rate=used_up), names)


def _told(chosen: Choice | Wait | NoMailbox, names: dict[int, str]) -> Simulated:
    def stops(hops: tuple[Hop, ...]) -> tuple[Stop, ...]:
        return tuple(Stop(names[hop.mailbox], hop.why) for hop in hops)

    if isinstance(chosen, Choice):
        return Simulated(stops(chosen.hops), stops(chosen.passed_over), replaces_from=chosen.replace_from)
    return Simulated((), stops(chosen.passed_over), why=chosen.why)
