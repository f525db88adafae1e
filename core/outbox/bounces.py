"""What reports do to messages that were sent: their recipients become bounced, for good or for now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.mail.bounces import Action, BouncedRecipient
from core.models import OutgoingMessage, OutgoingState, Recipient
from core.outbox.standing import message_state
from core.outbox.suppression import note_hard_bounce
from core.text import bounded, clean

_LONGEST_TEXT = 1000
_m, _r = table_of(OutgoingMessage), table_of(Recipient)

_MAY_BOUNCE = frozenset({OutgoingState.SENT, OutgoingState.UNCERTAIN, OutgoingState.BOUNCED})
"""What a relay took, or may have taken."""

_WAITING = frozenset({OutgoingState.UNCERTAIN, OutgoingState.DEFERRED, OutgoingState.QUEUED, OutgoingState.HELD})
_TO_RECIPIENT = (
    update(_r)
    .where(_r.c.id == bindparam("of"))
    .values(
        state=bindparam("to_state"),
        reply_code=None,
        enhanced_code=bindparam("to_status"),
        text=bindparam("to_text"),
        settled_at=bindparam("at"),
    )
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one report says of one message of ours."""

    outgoing_ids: tuple[int, ...]
    """Its rows: several where a message was put in more than once under one Message-ID."""
    outcomes: tuple[BouncedRecipient, ...]


@dataclass(frozen=True, slots=True)
class SentTo:
    """A recipient as the outbox knows it."""

    id: int
    address: str
    is_bcc: bool
    state: str
    status: str
    """Its enhanced code."""
    message_state: str = OutgoingState.SENT
    """Where its message stands."""
    is_in_hand: bool = False
    """Whether a worker is handing the message over: the report may be faster than the worker's note."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What becomes of a recipient."""

    id: int
    address: str
    state: OutgoingState
    status: str
    text: str
    is_hard: bool = False
    """Whether it is now known that it cannot be reached."""


def noted(recipients: Sequence[SentTo], outcomes: Iterable[BouncedRecipient]) -> list[Noted]:
    """What a report does to a message's recipients.

    A server that passed mail on may name another address than we did: where there was one recipient alone, he is meant.
    A recipient that has bounced for good stays so: a second report about him counts nothing.
    """
    by_address: dict[str, list[SentTo]] = {}
    for one in recipients:
        by_address.setdefault(one.address.lower(), []).append(one)
    visible = {one.address.lower() for one in recipients if not one.is_bcc}
    news: dict[int, Noted] = {}
    for outcome in outcomes:
        meant = by_address.get(outcome.address.lower())
        if meant is None and len(visible) == 1:
            meant = by_address[next(iter(visible))]
        for one in meant or ():
            if (told := _told(one, outcome)) is not None:
                news[one.id] = told
    return list(news.values())


def note_bounces(session: Session, reports: Sequence[Report], now: datetime) -> None:
    """Write what these reports say, and hold whom mail does not reach, within the transaction that stores them."""
    hard: list[Noted] = []
    for report in sorted(reports, key=lambda each: each.outgoing_ids):
        hard += _note(session, report, now)
    # In one order everywhere: two workers that note bounces at once wait for each other, not in a ring.
    for one in sorted(hard, key=lambda each: each.address.lower()):
        note_hard_bounce(session, one.address, one.text, now)


def _note(session: Session, report: Report, now: datetime) -> list[Noted]:
    messages = session.connection().execute(
        select(_m.c.id, _m.c.state, _m.c.handing_over)
        .where(_m.c.id.in_(report.outgoing_ids))
        .order_by(_m.c.id)
        .with_for_update()
    )
    recipients = {row.id: _recipients(session, row.id, row.state, row.handing_over) for row in messages}
    news = noted([one for each in recipients.values() for one in each], report.outcomes)
    if news:
        session.connection().execute(_TO_RECIPIENT, [_row(one, now) for one in news])
    told = {one.id: one for one in news}
    for outgoing_id, each in recipients.items():
        if values := _restated([(one, told.get(one.id)) for one in each], now):
            session.connection().execute(update(_m).where(_m.c.id == outgoing_id).values(**values))
    return [one for one in news if one.is_hard]


def _recipients(session: Session, outgoing_id: int, state: str, handing_over: bool) -> list[SentTo]:
    asked = select(_r.c.id, _r.c.address, _r.c.is_bcc, _r.c.state, _r.c.enhanced_code)
    rows = session.connection().execute(asked.where(_r.c.outgoing_id == outgoing_id).order_by(_r.c.id))
    return [SentTo(*row, message_state=state, is_in_hand=handing_over) for row in rows]


def _restated(recipients: Sequence[tuple[SentTo, Noted | None]], now: datetime) -> dict[str, Any]:
    """What is told of a message; one that only waited for its bounced recipients waits no longer."""
    told = [news for _, news in recipients if news is not None]
    if not told:
        return {}
    values: dict[str, Any] = {"last_error": told[0].text}
    if recipients[0][0].message_state in _WAITING:
        after = message_state(news.state if news else one.state for one, news in recipients if not one.is_bcc)
        values |= {"state": after.value, "settled_at": None if after in _WAITING else now}
    return values


def _told(one: SentTo, outcome: BouncedRecipient) -> Noted | None:
    if one.state not in _MAY_BOUNCE and not one.is_in_hand:
        return None
    was_hard = one.state == OutgoingState.BOUNCED and one.status.startswith("5")
    if was_hard or not outcome.is_failure:
        return None
    said = " ".join(part for part in (outcome.status, outcome.diagnostic) if part) or "no reason was given"
    if outcome.action is Action.DELAYED:
        if one.state != OutgoingState.SENT:
            return None
        return Noted(one.id, one.address, OutgoingState.SENT, outcome.status, _text(one, "is delayed", said))
    how = "bounced for good" if outcome.is_hard else "bounced for now"
    return Noted(
        one.id, one.address, OutgoingState.BOUNCED, outcome.status, _text(one, how, said), is_hard=outcome.is_hard
    )


def _text(one: SentTo, how: str, said: str) -> str:
    return bounded(clean(f"{one.address} {how}: {said}"), _LONGEST_TEXT)


def _row(one: Noted, now: datetime) -> dict[str, Any]:
    return {"of": one.id, "to_state": one.state.value, "to_status": one.status, "to_text": one.text, "at": now}
