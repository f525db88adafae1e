"""Mailboxes as the choice among them sees them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.outbound.pick import Choice, MailboxFacts, Roster, pick

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=1)


def box(id: int, **facts: object) -> MailboxFacts:
    return replace(MailboxFacts(id, "ABCDEFGH"[id - 1]), **facts)


def chain(boxes: list[MailboxFacts], address: str = "x@example.org", **kw: object) -> tuple[int, ...]:
    choice = pick(Roster(boxes), address, NOW, **kw)
    assert isinstance(choice, Choice), choice
    return choice.chain
