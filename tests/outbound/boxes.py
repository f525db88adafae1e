"""Mailboxes as the choice among them sees them, and their ways out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.outbound.decisions.compose import Identity
from core.outbound.decisions.pick import Choice, pick
from core.outbound.decisions.roster import MailboxFacts, Roster
from core.outbound.route import Route

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=1)


def box(id: int, **facts: object) -> MailboxFacts:
    return replace(MailboxFacts(id, "ABCDEFGH"[id - 1]), **facts)


def chain(boxes: list[MailboxFacts], address: str = "x@example.org", **kw: object) -> tuple[int, ...]:
    choice = pick(Roster(boxes), address, NOW, **kw)
    assert isinstance(choice, Choice), choice
    return choice.chain


def route(id: int, **known: object) -> Route:
    plain = Route(id, "ABCDEFGH"[id - 1], (), False, "", False, "", Identity(default_sender="own@example.org"), (1, 1))
    return replace(plain, **known)
