"""A clock that was set back: what waits for a moment further ahead than we ever wait is due now.

Else an account that was fetched while the machine believed in 2036 would not be fetched again before that, and nothing
would be wrong with it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, Table, and_, or_, select, update
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import table_of
from core.handles import LEASE_SECONDS, Handles
from core.handoff.turns import LONGEST as LONGEST_OFFER
from core.inbound.backoff import LONGEST as LONGEST_BACKOFF
from core.inbound.backoff import LONGEST_ASKED_FOR
from core.models import (
    Account,
    AccountStatus,
    Alert,
    Delivery,
    DeliveryState,
    HandoffStatus,
    MailboxStatus,
    OutgoingMessage,
    OutgoingState,
    Suppression,
    Token,
    Worker,
)
from core.oauth.web import LONGEST_WAIT as LONGEST_TOKEN
from core.outbound.decisions.retry import LONGEST_COOLING
from core.outbox.suppression import HELD_FOR
from core.settings import RuntimeSettings
from core.text import counted
from core.workers.idle.book import WITHOUT_IDLE
from core.workers.telling.by_command import LONGEST_PAUSE

MARGIN = timedelta(minutes=5)
"""Clocks of several machines differ a little."""

_account, _status, _message = table_of(Account), table_of(AccountStatus), table_of(OutgoingMessage)
_handoff, _delivery, _token = table_of(HandoffStatus), table_of(Delivery), table_of(Token)
_mailbox, _alert, _worker = table_of(MailboxStatus), table_of(Alert), table_of(Worker)
_suppression = table_of(Suppression)
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
    _log.warning(
        "What waited for longer than anything has to, as after a clock was set back, goes on: %s.",
        counted(count, "row"),
    )
    handles.changes.moved("account", "outbox", "mailbox", "delivery", "worker")


def _is_any(session: Session, ahead: Ahead) -> bool:
    return session.connection().execute(select(1).where(ahead.condition).limit(1)).first() is not None


def _ahead(session: Session, settings: RuntimeSettings, now: datetime) -> list[Ahead]:
    at = database_time(session)  # messages and leases go by the database's time
    late = _status.c.account_id.in_(_accounts(session, settings, now))
    is_waiting = _delivery.c.state == DeliveryState.WAITING.value
    return [
        *(_leases(table, at) for table in (_status, _handoff, _token)),
        _leases(_message, at, _message.c.state == OutgoingState.SENDING.value),
        Ahead(_status, late, {"due_at": now, "retry_after": None}),
        Ahead(_message, _waits_too_long(at, settings.retry.longest), {"next_attempt_at": at}),
        _beyond(_mailbox.c.cooling_until, at + LONGEST_COOLING, None),
        _beyond(_status.c.idle_after, now + WITHOUT_IDLE, None),
        _beyond(_token.c.retry_after, now + LONGEST_TOKEN, None),
        _beyond(_handoff.c.rests_until, now + LONGEST_OFFER, None),
        _beyond(_delivery.c.next_attempt_at, now + LONGEST_OFFER, now, is_waiting),
        _beyond(_alert.c.command_due, now + LONGEST_PAUSE, now),
        _beyond(_suppression.c.held_until, now + HELD_FOR, now + HELD_FOR),
        # One that is dead would count as alive until then.
        _beyond(_worker.c.heartbeat_at, now, now),
    ]


def _beyond(
    column: Column[datetime], longest: datetime, instead: datetime | None, *conditions: ColumnElement[bool]
) -> Ahead:
    """What waits in this column for a time beyond the longest."""
    return Ahead(column.table, and_(column > longest + MARGIN, *conditions), {column.name: instead})


def _leases(table: Table, at: datetime, *conditions: ColumnElement[bool]) -> Ahead:
    """Should somebody hold one after all, he renews it in time."""
    end = at + timedelta(seconds=LEASE_SECONDS)
    return _beyond(table.c.lease_until, end, end, *conditions)


def _accounts(session: Session, settings: RuntimeSettings, now: datetime) -> list[int]:
    columns = (_status.c.account_id, _status.c.due_at, _status.c.failures, _status.c.retry_after, _account.c.interval)
    ahead = (
        select(*columns)
        .join(_account, _account.c.id == _status.c.account_id)
        .where(or_(_status.c.due_at > now + MARGIN, _status.c.retry_after > now + MARGIN))
    )
    found = []
    for row in session.connection().execute(ahead):
        interval = settings.fetch_interval if row.interval is None else timedelta(seconds=row.interval)
        longest = longest_wait(interval, is_well=not row.failures, is_asked_to_wait=row.retry_after is not None)
        # Who makes an account due leaves alone what its server has asked for.
        if max(row.due_at, row.retry_after or row.due_at) - now > longest + MARGIN:
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
