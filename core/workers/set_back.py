"""A clock that was set back: what waits for a moment further ahead than we ever wait is due now.

Else an account that was fetched while the machine believed in 2036 would not be fetched again before that, and nothing
would be wrong with it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Table, or_, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import LEASE_SECONDS, Handles
from core.handoff.turns import LONGEST as LONGEST_OFFER
from core.inbound.backoff import LONGEST as LONGEST_BACKOFF
from core.inbound.backoff import LONGEST_ASKED_FOR
from core.models import (
    Account,
    AccountStatus,
    Delivery,
    DeliveryState,
    HandoffStatus,
    MailboxStatus,
    OutgoingMessage,
    OutgoingState,
)
from core.outbox.claim import time_of
from core.settings import RuntimeSettings
from core.text import counted

MARGIN = timedelta(minutes=5)
"""Clocks of several machines differ a little."""

LONGEST_COOLING = timedelta(minutes=15)
"""For so long a mailbox rests, a message waits for its rate, or for the first to recover."""

_account, _status, _cooling = table_of(Account), table_of(AccountStatus), table_of(MailboxStatus)
_message, _delivery, _receiver = table_of(OutgoingMessage), table_of(Delivery), table_of(HandoffStatus)
_log = logging.getLogger("postroom.sweeper")


def longest_wait(interval: timedelta, *, is_well: bool, is_asked_to_wait: bool) -> timedelta:
    """How far ahead an account can rightly be due."""
    if is_asked_to_wait:
        return max(interval, LONGEST_ASKED_FOR)
    return interval if is_well else max(interval, LONGEST_BACKOFF)


class Ahead(NamedTuple):
    """Rows of a table that wait for a time too far ahead."""

    table: Table
    condition: ColumnElement[bool]
    values: dict[str, datetime | None]
    """What they get instead."""


def bring_back(handles: Handles, now: datetime) -> None:
    """Make due what waits for too long, and shorten leases that last for longer than any is given."""
    settings = handles.settings()
    with handles.database.reading() as session:
        found = [ahead for ahead in _ahead(session, settings, now) if _is_any(session, ahead)]
    if not found:
        return

    def write(session: Session) -> int:
        connection = session.connection()
        return sum(
            connection.execute(update(one.table).where(one.condition).values(one.values)).rowcount for one in found
        )

    count = handles.database.writing(write)
    _log.warning("The clock was set back, it seems: %s waited for a time far ahead and goes on.", counted(count, "row"))
    handles.changes.moved("account", "outbox", "mailbox", "delivery")


def _is_any(session: Session, ahead: Ahead) -> bool:
    return session.connection().execute(select(1).where(ahead.condition).limit(1)).first() is not None


def _ahead(session: Session, settings: RuntimeSettings, now: datetime) -> list[Ahead]:
    at = time_of(session)  # messages and leases go by the database's time
    lease = timedelta(seconds=LEASE_SECONDS)
    late, held = (
        _status.c.account_id.in_(_accounts(session, settings, now)),
        _status.c.lease_until > at + lease + MARGIN,
    )
    is_held = (_message.c.state == OutgoingState.SENDING.value) & (_message.c.lease_until > at + lease + MARGIN)
    return [
        Ahead(_status, late, {"due_at": now, "retry_after": None}),
        Ahead(_status, held, {"lease_until": at + lease}),
        Ahead(_message, is_held, {"lease_until": at + lease}),
        Ahead(_message, _waits_too_long(at, settings.retry.longest), {"next_attempt_at": at}),
        Ahead(_cooling, _cooling.c.cooling_until > at + LONGEST_COOLING + MARGIN, {"cooling_until": None}),
        *_offers(at + lease, now),
    ]


def _offers(lease_ends: datetime, now: datetime) -> list[Ahead]:
    """What is told to other systems, and those of them that rest."""
    longest = now + LONGEST_OFFER + MARGIN
    waits = _delivery.c.state == DeliveryState.WAITING.value
    return [
        Ahead(_delivery, waits & (_delivery.c.next_attempt_at > longest), {"next_attempt_at": now}),
        Ahead(_receiver, _receiver.c.rests_until > longest, {"rests_until": None}),
        Ahead(_receiver, _receiver.c.lease_until > lease_ends + MARGIN, {"lease_until": lease_ends}),
    ]


def _accounts(session: Session, settings: RuntimeSettings, now: datetime) -> list[int]:
    columns = (_status.c.account_id, _status.c.due_at, _status.c.failures, _status.c.retry_after, _account.c.interval)
    ahead = (
        select(*columns).join(_account, _account.c.id == _status.c.account_id).where(_status.c.due_at > now + MARGIN)
    )
    found = []
    for row in session.connection().execute(ahead):
        interval = settings.fetch_interval if row.interval is None else timedelta(seconds=row.interval)
        longest = longest_wait(interval, is_well=not row.failures, is_asked_to_wait=row.retry_after is not None)
        if row.due_at - now > longest + MARGIN:
            found.append(row.account_id)
    return found


def _waits_too_long(now: datetime, longest_retry: timedelta) -> ColumnElement[bool]:
    tried = (OutgoingState.DEFERRED.value, OutgoingState.UNCERTAIN.value)
    tried_again = _message.c.state.in_(tried) & (
        _message.c.next_attempt_at > now + max(longest_retry, LONGEST_COOLING) + MARGIN
    )
    is_new = _message.c.state == OutgoingState.QUEUED.value
    # What was handed in for a later time keeps it.
    is_late = _message.c.first_due_at.is_(None) & (_message.c.next_attempt_at > now + LONGEST_COOLING + MARGIN)
    return or_(tried_again, is_new & is_late)
