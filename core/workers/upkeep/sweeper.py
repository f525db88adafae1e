"""What a worker tidies once a minute: pending records that wake; mail, runs, deliveries and orders long over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, SQLModel

from core import clock
from core.credentials import tell_endings
from core.db.audit_guard import forget_audit
from core.db.bulk import table_of
from core.errors import StoreError
from core.handles import Handles
from core.handoff.troubles import tell_handoffs
from core.inbound.disk_guard import tell_shortage
from core.inbound.troubles import tell_troubles
from core.models import Audit, Delivery, DeliveryState, Request, RequestEvent, Run, RunEvent
from core.outbound.refused_senders import tell_refused_senders
from core.outbound.troubles import tell_mailboxes
from core.outbox import retention as outbox_retention
from core.outbox import suppression
from core.workers.orders import close_abandoned
from core.workers.upkeep.forgetting import forget_secrets
from core.workers.upkeep.integrity import check_integrity
from core.workers.upkeep.key_watch import tell_missing_key
from core.workers.upkeep.retention import Retention, since
from core.workers.upkeep.set_back import bring_back
from core.workers.upkeep.trusted_time import doubt, is_trusted
from core.workers.upkeep.waking import wake_records

EVERY = 60.0
"""Seconds between two sweeps."""

ORDERS_KEPT = timedelta(days=7)
"""For so long what people asked of workers stays after it is over."""

AT_ONCE = 500
"""Rows deleted in one transaction: a sweep never holds the writer for long."""

_log = logging.getLogger("postroom.sweeper")


def sweep_on(handles: Handles, stop: threading.Event) -> None:
    """Sweep until `stop`, in a thread of its own: no account waits for what is removed."""
    while not stop.is_set():
        for work in (sweep, check_integrity):
            try:
                work(handles, stop)
            except StoreError as error:
                _log.warning("%s", error)
        stop.wait(EVERY)


def sweep(handles: Handles, stop: threading.Event | None = None) -> None:
    """Tell what needs a person, wake records whose time has come; remove what is old, a little at a time."""
    now, stop = clock.utcnow(), stop or threading.Event()
    tell_troubles(handles)
    tell_shortage(handles)
    tell_handoffs(handles)
    tell_endings(handles)
    tell_missing_key(handles, now)
    tell_mailboxes(handles, now)
    tell_refused_senders(handles, now)
    wake_records(handles, now)
    bring_back(handles, now)
    close_abandoned(handles, now)
    with handles.database.reading() as session:
        may_remove = is_trusted(session, now)
    if may_remove:
        _remove_what_is_over(handles, now, stop)
    else:
        doubt(handles, now)


def _remove_what_is_over(handles: Handles, now: datetime, stop: threading.Event) -> None:
    kept = handles.settings().retention
    if before := since(now, kept.audit):
        _forget_audit(handles, before, stop)
    if before := since(now, kept.runs):
        _remove_old(handles, Run, RunEvent, before, stop)
        _remove_deliveries(handles, before, stop)
    if before := since(now, kept.outbox):
        _forget_sent(handles, before, stop)
        _forget_suppressions(handles, before)
    _remove_old(handles, Request, RequestEvent, now - ORDERS_KEPT, stop)
    forget_secrets(handles, now)
    Retention(handles, now, stop).keep_to(kept)


def _remove_old(
    handles: Handles, parent: type[SQLModel], child: type[SQLModel], before: datetime, stop: threading.Event
) -> None:
    table, lines = table_of(parent), table_of(child)
    reference = lines.primary_key.columns[0]  # a run's or an order's id; then the line's number
    old = select(table.c.id).where(table.c.ended_at < before).limit(AT_ONCE)

    def remove(session: Session) -> int:
        ids = list(session.connection().scalars(old))
        if ids:
            session.connection().execute(delete(lines).where(reference.in_(ids)))
            session.connection().execute(delete(table).where(table.c.id.in_(ids)))
        return len(ids)

    with handles.database.reading() as session:
        if not session.connection().execute(old).first():
            return
    _until_done(lambda: handles.database.writing(remove), stop)


def _forget_audit(handles: Handles, before: datetime, stop: threading.Event) -> None:
    table = table_of(Audit)
    with handles.database.reading() as session:
        if not session.connection().execute(select(table.c.id).where(table.c.at < before).limit(1)).first():
            return
    _until_done(lambda: handles.database.writing(lambda session: forget_audit(session, before, AT_ONCE)), stop)


def _forget_sent(handles: Handles, before: datetime, stop: threading.Event) -> None:
    with handles.database.reading() as session:
        if not outbox_retention.is_any_over(session, before):
            return
    while handles.database.writing(lambda session: outbox_retention.forget_over(session, before), load=1.0):
        if stop.is_set():
            break
    handles.changes.moved("outbox")


def _forget_suppressions(handles: Handles, before: datetime) -> None:
    with handles.database.reading() as session:
        if not suppression.is_any_old(session, before):
            return
    if handles.database.writing(lambda session: suppression.forget_old(session, before)):
        handles.changes.moved("suppression")


def _remove_deliveries(handles: Handles, before: datetime, stop: threading.Event) -> None:
    table = table_of(Delivery)
    settled = [state.value for state in DeliveryState if state is not DeliveryState.WAITING]
    old = select(table.c.id).where(table.c.state.in_(settled), table.c.settled_at < before).limit(AT_ONCE)

    def remove(session: Session) -> int:
        return session.connection().execute(delete(table).where(table.c.id.in_(old))).rowcount

    with handles.database.reading() as session:
        if not session.connection().execute(old).first():
            return
    _until_done(lambda: handles.database.writing(remove), stop)


def _until_done(remove: Callable[[], Any], stop: threading.Event) -> None:
    """Transaction after transaction; a worker that is to stop leaves the rest to the next sweep."""
    while remove() == AT_ONCE and not stop.is_set():
        continue
