"""Writing what came of tries: one transaction for a window of messages, under their fences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, update
from sqlmodel import Session

from core.db.bulk import insert_rows, table_of
from core.db.leases import Lease
from core.db.prepared import PreparedUpdate, given
from core.models import Attempt, OutgoingMessage, OutgoingState, Recipient
from core.outbox.claim import still_ours
from core.outbox.enqueue import insert_entries
from core.outbox.entry import Entry
from core.outbox.mailbox_news import MailboxNews, write_news
from core.outbox.said import kept
from core.outbox.standing import OVER

_m, _r = table_of(OutgoingMessage), table_of(Recipient)


def _bound(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"to_{name}") for name in names}


_ours = given(_m.c.id, _m.c.fence)
_IS_OURS = (_m.c.id == _ours.c.id) & (_m.c.fence == _ours.c.fence)
_TO_END = PreparedUpdate(
    update(_m)
    .where(_IS_OURS)
    .values(
        **_bound("state", "attempts", "next_attempt_at", "last_error", "uncertain_since", "sent_by_id", "settled_at"),
        lease_owner="",
        lease_until=None,
        handing_over=False,
    ),
    _ours,
)
_TO_GO_ON = PreparedUpdate(update(_m).where(_IS_OURS).values(handing_over=False), _ours)
_told = given(_r.c.id, _r.c.reply_code, _r.c.enhanced_code, _r.c.text)
_TO_RECIPIENT = PreparedUpdate(
    # A report of a bounce may have been faster than our note that the relay took it.
    update(_r)
    .where(_r.c.id == _told.c.id, _r.c.state != OutgoingState.BOUNCED)
    .values(
        reply_code=_told.c.reply_code,
        enhanced_code=_told.c.enhanced_code,
        text=_told.c.text,
        **_bound("state", "settled_at"),
    ),
    _told,
)


class TryMade(NamedTuple):
    """One try, as it is kept."""

    number: int
    """The round it belongs to: in one round the mailbox and its failovers are tried."""
    mailbox_id: int | None
    mailbox: str
    host: str
    phase: str
    outcome: str
    started_at: datetime
    ms: float = 0.0
    reply_code: int | None = None
    enhanced_code: str = ""
    text: str = ""


class RecipientResult(NamedTuple):
    """What became of one recipient."""

    state: OutgoingState
    reply_code: int | None = None
    enhanced_code: str = ""
    text: str = ""

    @property
    def said(self) -> str:
        """All of it that was said, in one line."""
        return " ".join(part for part in (str(self.reply_code or ""), self.enhanced_code, self.text) if part)


class Ending(NamedTuple):
    """Where a message stands after a round."""

    state: OutgoingState
    attempts: int
    next_attempt_at: datetime
    last_error: str = ""
    uncertain_since: datetime | None = None
    sent_by_id: int | None = None
    """The mailbox that tried last."""

    @property
    def is_last(self) -> bool:
        """Whether it is not tried again."""
        return self.state in OVER


@dataclass(slots=True)
class Settlement:
    """What is written of one message."""

    lease: Lease
    tries: list[TryMade] = field(default_factory=list)
    results: dict[int, RecipientResult] = field(default_factory=dict)
    """By the recipient's row."""
    bcc: dict[str, RecipientResult] = field(default_factory=dict)
    """By address: Bcc recipients that have no row yet."""
    ending: Ending | None = None
    """`None`: the round goes on, by another mailbox; it is no longer handed over."""
    notice: Entry | None = None
    """What tells the sender of a failure."""


def settle(session: Session, settlements: Sequence[Settlement], news: Sequence[MailboxNews], now: datetime) -> set[int]:
    """Write all of it; gives back the messages that were still ours. Of the others nothing is written."""
    # The messages first: their fence says of whom anything may be written at all.
    ours = _write_messages(session, settlements, now)
    kept = [one for one in settlements if one.lease.key in ours]
    _write_results(session, kept, now)
    insert_rows(session, Attempt, [_attempt_row(one.lease.key, made) for one in kept for made in one.tries])
    insert_rows(session, Recipient, [_bcc_row(one, *bcc, now) for one in kept for bcc in one.bcc.items()])
    for of_mailbox in sorted(news, key=lambda each: each.mailbox_id):
        write_news(session, of_mailbox, now)
    if notices := [one.notice for one in kept if one.notice is not None]:
        insert_entries(session, notices, now)
    return ours


def _attempt_row(outgoing_id: int, made: TryMade) -> dict[str, Any]:
    return {
        "outgoing_id": outgoing_id,
        "number": made.number,
        "mailbox_id": made.mailbox_id,
        "mailbox": made.mailbox,
        "host": made.host,
        "phase": made.phase,
        "outcome": made.outcome,
        "reply_code": made.reply_code,
        "enhanced_code": made.enhanced_code,
        "text": kept(made.text),
        "started_at": made.started_at,
        "ms": made.ms,
    }


def _write_results(session: Session, settlements: Sequence[Settlement], now: datetime) -> None:
    by_state: defaultdict[OutgoingState, list[tuple[Any, ...]]] = defaultdict(list)
    for one in settlements:
        for key, result in one.results.items():
            row = (key, result.reply_code, result.enhanced_code, kept(result.text))
            by_state[result.state].append(row)
    for state, rows in by_state.items():
        _TO_RECIPIENT.run(session, rows, to_state=state.value, to_settled_at=_settled_at(state, now))


def _settled_at(state: OutgoingState, now: datetime) -> datetime | None:
    return now if state in (OutgoingState.SENT, OutgoingState.FAILED, OutgoingState.EXPIRED) else None


def _bcc_row(one: Settlement, address: str, result: RecipientResult, now: datetime) -> dict[str, Any]:
    return {
        "outgoing_id": one.lease.key,
        "address": address,
        "is_bcc": True,
        "state": result.state.value,
        "reply_code": result.reply_code,
        "enhanced_code": result.enhanced_code,
        "text": kept(result.text),
        "settled_at": _settled_at(result.state, now),
    }


def _write_messages(session: Session, settlements: Sequence[Settlement], now: datetime) -> set[int]:
    going_on = [(one.lease.key, one.lease.fence) for one in settlements if one.ending is None]
    hit = _TO_GO_ON.run(session, going_on)
    alike: defaultdict[Ending, list[tuple[int, int]]] = defaultdict(list)
    for ending, ours in _by_ending(settlements).items():
        # When it was over is told by when it is settled: so the endings of windows are alike.
        alike[ending._replace(next_attempt_at=now) if ending.is_last else ending] += ours
    hit += sum(_write_ending(session, ending, leases, now) for ending, leases in alike.items())
    if hit == len(settlements):
        return {one.lease.key for one in settlements}
    return still_ours(session, [one.lease for one in settlements])


def _by_ending(settlements: Sequence[Settlement]) -> dict[Ending, list[tuple[int, int]]]:
    alike: defaultdict[Ending, list[tuple[int, int]]] = defaultdict(list)
    for one in settlements:
        if one.ending is not None:
            alike[one.ending].append((one.lease.key, one.lease.fence))
    return alike


def _write_ending(session: Session, ending: Ending, ours: Sequence[tuple[int, int]], now: datetime) -> int:
    return _TO_END.run(
        session,
        ours,
        to_state=ending.state.value,
        to_attempts=ending.attempts,
        to_next_attempt_at=ending.next_attempt_at,
        to_last_error=kept(ending.last_error),
        to_uncertain_since=ending.uncertain_since,
        to_sent_by_id=ending.sent_by_id,
        to_settled_at=now if ending.is_last else None,
    )
