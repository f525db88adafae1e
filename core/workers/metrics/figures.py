"""What monitoring is told: figures of the whole Postroom, read from the database when they are asked for.

Names and units follow the conventions of Prometheus (prometheus.io/docs/practices/naming). Figures of all machines are
told by any worker; only those of the process (`process_…`) are the worker's own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Table, func, select
from sqlmodel import Session

from core import clock
from core.data_folder import free_bytes
from core.db.bulk import table_of
from core.handles import Handles
from core.models import (
    WORKER_ALIVE_FOR,
    Account,
    AccountStatus,
    Alert,
    Attempt,
    Delivery,
    DeliveryState,
    Mailbox,
    MailboxStatus,
    Message,
    OutgoingMessage,
    OutgoingState,
    Quarantine,
    Record,
    Run,
    RunState,
    Status,
    Validity,
    Worker,
)

WAITING = (
    OutgoingState.QUEUED,
    OutgoingState.SENDING,
    OutgoingState.DEFERRED,
    OutgoingState.UNCERTAIN,
    OutgoingState.HELD,
)
"""The states of mail that is still to be sent; what is over is not counted at each look."""

_TO_TRY = (OutgoingState.QUEUED.value, OutgoingState.DEFERRED.value, OutgoingState.UNCERTAIN.value)

_account, _account_status = table_of(Account), table_of(AccountStatus)
_mailbox, _mailbox_status = table_of(Mailbox), table_of(MailboxStatus)
_outgoing, _delivery, _alert = table_of(OutgoingMessage), table_of(Delivery), table_of(Alert)
_run, _worker, _quarantine = table_of(Run), table_of(Worker), table_of(Quarantine)


class Figures(Collector):
    """The figures of one Postroom; one look at a time, however many ask."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._one = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """All figures, as they are now.

        Raises:
            StoreError: the database is out of reach.
        """
        now = clock.utcnow()
        with self._one, self._handles.database.reading() as session:
            found = [
                *_totals(session),
                *_incoming(session, now),
                *_outgoing_mail(session, now),
                *_mailboxes(session, now),
                *_people(session, now),
            ]
        if self._handles.environment.is_sqlite:
            free = free_bytes(self._handles.environment.database_file.parent)
            found.append(_gauge("disk_free_bytes", "Free bytes on the disk of the database.", free))
        return found


def _totals(session: Session) -> Iterator[Metric]:
    """What only grows; by the newest id, since a count of a million rows is no figure to ask for each few seconds."""
    for name, model, told in (
        ("messages", Message, "Incoming messages that were given a number, those too large to read among them."),
        ("records", Record, "Records that were made."),
        ("outgoing_messages", OutgoingMessage, "Messages that were put into the outbox."),
        ("attempts", Attempt, "Tries to hand a message to a relay."),
    ):
        newest = session.connection().scalar(select(func.max(table_of(model).c.id)))
        yield CounterMetricFamily(f"postroom_{name}", told, value=newest or 0)


def _incoming(session: Session, now: datetime) -> Iterator[Metric]:
    rows = session.connection().execute(
        select(
            _account.c.name,
            _account_status.c.status,
            _account_status.c.paused,
            _account_status.c.failures,
            _account_status.c.last_ok_at,
            _account_status.c.due_at,
        )
        .join(_account_status, _account_status.c.account_id == _account.c.id)
        .where(_account.c.deleted_at.is_(None), _account.c.validity == Validity.VALID.value)
        .order_by(_account.c.name)
    )
    states = dict.fromkeys((state.value for state in Status), 0)
    failures = GaugeMetricFamily("postroom_account_failures", "Failed runs in a row.", labels=["account"])
    fetched = GaugeMetricFamily(
        "postroom_account_last_success_timestamp_seconds", "When a run last ended well.", labels=["account"]
    )
    overdue = 0.0
    for row in rows:
        states[Status.PAUSED.value if row.paused else row.status] += 1
        failures.add_metric([row.name], row.failures)
        if row.last_ok_at is not None:
            fetched.add_metric([row.name], row.last_ok_at.timestamp())
        if not row.paused:
            overdue = max(overdue, (now - row.due_at).total_seconds())
    yield _by_label("accounts", "Valid accounts by how fetching them goes.", "status", states)
    yield failures
    yield fetched
    yield _gauge("account_overdue_seconds", "How long the account has been due that waits longest.", overdue)
    yield _gauge("runs_running", "Runs at work.", _count(session, _run, _run.c.state == RunState.RUNNING.value))
    yield _gauge("quarantine_messages", "Messages that wait for a person.", _count(session, _quarantine))
    waits = _delivery.c.state == DeliveryState.WAITING.value
    yield _gauge(
        "deliveries_waiting", "Changes that hand-offs are still to be told.", _count(session, _delivery, waits)
    )


def _outgoing_mail(session: Session, now: datetime) -> Iterator[Metric]:
    states = [state.value for state in WAITING]
    counted = session.connection().execute(
        select(_outgoing.c.state, func.count()).where(_outgoing.c.state.in_(states)).group_by(_outgoing.c.state)
    )
    counts = dict.fromkeys(states, 0) | {state: count for state, count in counted}
    yield _by_label("outbox_messages", "Outgoing messages that are still to be sent, by state.", "state", counts)
    to_try = _outgoing.c.state.in_(_TO_TRY)
    due = session.connection().execute(select(func.min(_outgoing.c.next_attempt_at)).where(to_try)).scalar()
    late = max(0.0, (now - due).total_seconds()) if due is not None else 0.0
    yield _gauge("outbox_overdue_seconds", "How long the message has been due that waits longest.", late)


def _mailboxes(session: Session, now: datetime) -> Iterator[Metric]:
    rows = session.connection().execute(
        select(_mailbox.c.name, _mailbox_status.c.failures, _mailbox_status.c.cooling_until)
        .join(_mailbox_status, _mailbox_status.c.mailbox_id == _mailbox.c.id)
        .where(_mailbox.c.deleted_at.is_(None), _mailbox.c.active.is_(True))
        .order_by(_mailbox.c.name)
    )
    failures = GaugeMetricFamily("postroom_mailbox_failures", "Failures in a row of its own.", labels=["mailbox"])
    cooling = GaugeMetricFamily("postroom_mailbox_cooling", "1 while others send for it.", labels=["mailbox"])
    for row in rows:
        failures.add_metric([row.name], row.failures)
        cooling.add_metric([row.name], int(row.cooling_until is not None and row.cooling_until > now))
    yield failures
    yield cooling


def _people(session: Session, now: datetime) -> Iterator[Metric]:
    """Who works, and what needs a person."""
    alive = session.connection().execute(
        select(_worker.c.role, func.count()).where(_worker.c.heartbeat_at > now - WORKER_ALIVE_FOR).group_by("role")
    )
    roles = {"fetch": 0, "send": 0, "both": 0} | {role: count for role, count in alive}
    yield _by_label("workers", "Processes alive, by what they do, on all machines.", "role", roles)
    subjects = session.connection().scalars(select(_alert.c.subject).where(_alert.c.closed_at.is_(None)))
    yield _by_label("alert_open", "1 for each alert that is open.", "subject", dict.fromkeys(subjects, 1))


def _count(session: Session, table: Table, *wanted: Any) -> int:
    return session.connection().execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"postroom_{name}", told, value=value)


def _by_label(name: str, told: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"postroom_{name}", told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
