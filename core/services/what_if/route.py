"""The route simulator: who would send a message from an address now, and who if that one is down."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from core.db.alike import database_time
from core.errors import NotFound
from core.handles import Handles
from core.mail.addresses import address_of
from core.mail.strict_address import needs_smtputf8, strict_address
from core.outbound.decisions.pick import Choice, Hop, NoMailbox, Wait, pick
from core.outbound.decisions.roster import Roster
from core.outbound.route import load_standing
from core.outbound.sending.rates import Rates
from core.outbox.suppression import Held, held_among
from core.resources.mailbox import MAILBOX
from core.resources.unknown import unknown
from core.services import access
from core.services.actor import Actor
from core.settings import RuntimeSettings

_DOWN_FOR = timedelta(hours=1)
_DOWN = "taken for down"


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
    notes: tuple[str, ...] = ()
    """What else would become of the message: From replaced, held, led elsewhere."""


def simulate(handles: Handles, actor: Actor, sender: str, recipient: str, down: Collection[str] = ()) -> Simulated:
    """Who would send from `sender` to `recipient` now, were the mailboxes `down` out of reach; takes no turn.

    Raises:
        ValueError: an address is none.
        NotFound: there is no mailbox of a name in `down`.
    """
    access.require(actor, access.SEE, "mailbox")
    sender, recipient = (strict_address(address_of(address), allow_utf8=True) for address in (sender, recipient))
    with handles.database.reading() as session:
        standing = load_standing(session)
        now = database_time(session)
        held = held_among(session, [recipient], now)
    roster = standing.roster
    names = {mailbox.id: mailbox.name for mailbox in roster.mailboxes.values()}
    for name in down:
        if name not in names.values():
            raise NotFound(unknown(MAILBOX, name, names.values()))
    without = Roster(
        replace(mailbox, cooling_until=now + _DOWN_FOR) if mailbox.name in down else mailbox
        for mailbox in roster.mailboxes.values()
    )
    used_up = Rates.beginning(standing.rates, now, {}).used_up(is_urgent=False)
    settings = handles.settings()
    needs_utf8 = needs_smtputf8(settings.staging_redirect or recipient)
    chosen = pick(without, sender, now, out_of_rate=used_up, needs_utf8=needs_utf8)
    notes = (
        *_from_notes(chosen),
        *(_utf8_notes(chosen, roster, recipient) if needs_utf8 else ()),
        *_notes(settings, recipient, held.get(recipient.lower())),
    )
    return replace(_told(chosen, names, down), notes=notes)


def told(simulated: Simulated) -> list[str]:
    """The same as a reader sees it, a line a mailbox."""
    lines = [f"{number}. {stop.mailbox}  ({stop.why})" for number, stop in enumerate(simulated.stops, 1)]
    lines += [f"-  {stop.mailbox}  ({stop.why})" for stop in simulated.passed_over]
    if simulated.why:
        lines.append(f"Nobody would send it now: {simulated.why}.")
    return [*lines, *simulated.notes]


def _from_notes(chosen: Choice | Wait | NoMailbox) -> Iterator[str]:
    if isinstance(chosen, Choice) and chosen.replace_from:
        yield "From would be replaced: no mailbox is for that address."


def _utf8_notes(chosen: Choice | Wait | NoMailbox, roster: Roster, recipient: str) -> Iterator[str]:
    """What it takes that the part before the @ has letters beyond ASCII."""
    yield f"{recipient} needs a relay that offers SMTPUTF8."
    stops = [roster.mailboxes[hop.mailbox] for hop in chosen.hops] if isinstance(chosen, Choice) else []
    if unknown := [mailbox.name for mailbox in stops if mailbox.takes_utf8 is None]:
        yield f"Not known yet of {', '.join(unknown)}: the next connection tells; without it the next one is tried."
    if stops and all(mailbox.takes_utf8 is False for mailbox in stops):
        yield "Where no relay offers it, this recipient fails (5.6.7)."


def _notes(settings: RuntimeSettings, recipient: str, held: Held | None) -> Iterator[str]:
    if settings.hold_all:
        yield "It would be held: all outgoing mail is (setting hold_all)."
    if settings.staging_redirect:
        yield f"It would go to {settings.staging_redirect} alone (setting staging_redirect)."
    elif held is not None:
        yield f"It would be held: {held}"


def _told(chosen: Choice | Wait | NoMailbox, names: dict[int, str], down: Collection[str]) -> Simulated:
    def stops(hops: tuple[Hop, ...]) -> tuple[Stop, ...]:
        named = ((names[hop.mailbox], hop.why) for hop in hops)
        return tuple(Stop(name, _DOWN if name in down else why) for name, why in named)

    passed_over = stops(chosen.passed_over)
    if isinstance(chosen, Choice):
        return Simulated(stops(chosen.hops), passed_over)
    reasons = "; ".join(f"{stop.mailbox}: {stop.why}" for stop in passed_over)
    return Simulated((), passed_over, why=reasons or chosen.why)
