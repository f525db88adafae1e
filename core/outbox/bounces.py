"""What reports do to messages that were sent: their recipients become bounced, for good or for now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.mail.bounces import Action, BouncedRecipient
from core.models import OutgoingMessage, OutgoingState, Recipient
from core.outbox.standing import message_state
from core.outbox.suppression import note_hard_bounces
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

_TO_MESSAGE = (
    update(_m)
    .where(_m.c.id == bindparam("of"))
    .values(state=bindparam("to_state"), last_error=bindparam("to_error"), settled_at=bindparam("at"))
)
_AT_ONCE = 500


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
    is_unreachable: bool = False
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
    messages = _messages(session, sorted({key for report in reports for key in report.outgoing_ids}))
    hard: list[Noted] = []
    for report in reports:
        about = [messages[key] for key in report.outgoing_ids if key in messages]
        for news in noted([one for message in about for one in message.recipients.values()], report.outcomes):
            # The next report on the same message finds it so.
            next(message for message in about if news.id in message.recipients).note(news)
            hard += [news] if news.is_unreachable else []
    told = [message for message in messages.values() if message.told]
    if told:
        session.connection().execute(_TO_RECIPIENT, [_row(one, now) for each in told for one in each.told.values()])
        session.connection().execute(_TO_MESSAGE, [each.row(now) for each in told])
    note_hard_bounces(session, [(one.address, one.text) for one in hard], now)


@dataclass(slots=True)
class _Message:
    """A message while reports on it are noted."""

    id: int
    state: str
    settled_at: datetime | None
    last_error: str
    recipients: dict[int, SentTo] = field(default_factory=dict)
    told: dict[int, Noted] = field(default_factory=dict)

    def note(self, news: Noted) -> None:
        """What becomes of one of its recipients."""
        self.told[news.id] = news
        self.recipients[news.id] = replace(self.recipients[news.id], state=news.state, status=news.status)
        self.last_error = news.text

    def row(self, now: datetime) -> dict[str, Any]:
        """What is written of it; one that only waited for its bounced recipients waits no longer."""
        if self.state in _WAITING:
            self.state = message_state(one.state for one in self.recipients.values() if not one.is_bcc)
            self.settled_at = None if self.state in _WAITING else now
        return {"of": self.id, "to_state": self.state, "to_error": self.last_error, "at": self.settled_at}


def _messages(session: Session, ids: Sequence[int]) -> dict[int, _Message]:
    """The messages of these rows with their recipients; nobody else writes them until we have."""
    found: dict[int, _Message] = {}
    for start in range(0, len(ids), _AT_ONCE):
        wanted = ids[start : start + _AT_ONCE]
        asked = select(_m.c.id, _m.c.state, _m.c.settled_at, _m.c.last_error, _m.c.handing_over)
        rows = session.connection().execute(asked.where(_m.c.id.in_(wanted)).order_by(_m.c.id).with_for_update())
        in_hand = set()
        for key, state, settled_at, last_error, handing_over in rows:
            found[key] = _Message(key, state, settled_at, last_error)
            in_hand |= {key} if handing_over and state == OutgoingState.SENDING else set()
        named = select(_r.c.outgoing_id, _r.c.id, _r.c.address, _r.c.is_bcc, _r.c.state, _r.c.enhanced_code)
        for row in session.connection().execute(named.where(_r.c.outgoing_id.in_(wanted)).order_by(_r.c.id)):
            key, recipient_id, address, is_bcc, state, status = row
            found[key].recipients[recipient_id] = SentTo(recipient_id, address, is_bcc, state, status, key in in_hand)
    return found


def _told(one: SentTo, outcome: BouncedRecipient) -> Noted | None:
    if one.state not in _MAY_BOUNCE and not one.is_in_hand:
        return None
    was_hard = one.state == OutgoingState.BOUNCED and one.status.startswith("5")
    if was_hard or not outcome.is_failure:
        return None
    status = outcome.status if outcome.status not in outcome.diagnostic else ""
    said = " ".join(part for part in (status, outcome.diagnostic) if part) or "no reason was given"
    if outcome.action is Action.DELAYED:
        if one.state != OutgoingState.SENT:
            return None
        return Noted(one.id, one.address, OutgoingState.SENT, outcome.status, _text(one, "is delayed", said))
    how = "bounced for good" if outcome.is_hard else "bounced for now"
    return Noted(
        one.id,
        one.address,
        OutgoingState.BOUNCED,
        outcome.status,
        _text(one, how, said),
        is_unreachable=outcome.is_hard and outcome.is_about_the_address,
    )


def _text(one: SentTo, how: str, said: str) -> str:
    return bounded(clean(f"{one.address} {how}: {said}"), _LONGEST_TEXT)


def _row(one: Noted, now: datetime) -> dict[str, Any]:
    return {"of": one.id, "to_state": one.state.value, "to_status": one.status, "to_text": one.text, "at": now}
