"""Delivering what is due to one hand-off: claimed by one worker at a time, each result durable before the next."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.db import leases
from core.db.bulk import insert_missing, table_of
from core.db.leases import Lease
from core.errors import LeaseLost, SecretUnreadable
from core.failpoints import fp
from core.handles import Handles
from core.handoff.by_command import offer_by_command
from core.handoff.by_post import offer_by_post
from core.handoff.document import document_of, facts_of, raw_of
from core.handoff.receiver import SECONDS, Reception, out_of_reach
from core.handoff.turns import next_attempt_at, next_deliveries, wait_after
from core.models import Delivery, DeliveryState, Handoff, HandoffStatus
from core.protocols.tls import TlsTrust
from core.secret import Secret

AT_ONCE = 50
"""Deliveries looked up at once."""

_LONGEST_ERROR = 1000
_delivery, _status = table_of(Delivery), table_of(HandoffStatus)
_log = logging.getLogger("postroom.handoff")


@dataclass(frozen=True)
class Limits:
    """How long a receiver may take, and what makes its certificate acceptable beside the usual authorities."""

    seconds: float = SECONDS
    trust: TlsTrust = field(default_factory=TlsTrust)


@dataclass
class _Pass:
    """One pass over what is due of one hand-off."""

    handles: Handles
    lease: Lease
    handoff: Handoff
    secret: Secret | None
    secret_problem: str
    limits: Limits
    failures: int
    delivered: int = 0

    def deliver(self, delivery_id: int) -> bool:
        """Offer one thing and note what became of it; false if the receiver is to be left alone."""
        with self.handles.database.reading() as session:
            delivery = session.get(Delivery, delivery_id)
            if delivery is None or delivery.state != DeliveryState.WAITING:
                return True
            facts = facts_of(session, delivery, self.handoff.name)
            raw = raw_of(session, delivery.message_id)
        if facts is None:
            self._settle(delivery, None, clock.utcnow())
            return True
        reception = self._offer(delivery, document_of(facts, raw))
        fp("K30")
        self._settle(delivery, reception, clock.utcnow())
        self.delivered += reception.is_taken
        return not reception.is_out_of_reach

    def _offer(self, delivery: Delivery, document: bytes) -> Reception:
        if self.handoff.command:
            return offer_by_command(self.handoff.command, document, seconds=self.limits.seconds)
        if self.secret_problem:
            return out_of_reach(self.secret_problem)
        return offer_by_post(
            self.handoff.url,
            self.secret,
            document,
            clock.utcnow(),
            delivery_id=delivery.id or 0,
            event=delivery.event,
            seconds=self.limits.seconds,
            trust=self.limits.trust,
        )

    def _settle(self, delivery: Delivery, reception: Reception | None, now: datetime) -> None:
        values = settled(delivery, reception, now)
        self.failures = 0 if reception is None or not reception.is_out_of_reach else self.failures + 1
        status = _status_after(reception, self.failures, now)

        def write(session: Session) -> None:
            leases.hold(session, self.lease, now, self.handles.renewer.seconds)
            still = (_delivery.c.id == delivery.id) & (_delivery.c.state == DeliveryState.WAITING.value)
            session.connection().execute(update(_delivery).where(still).values(values))
            session.connection().execute(update(_status).where(self.lease.is_mine()).values(status))

        self.handles.database.writing(write)
        self.handles.changes.moved("delivery")
        if reception is None or not reception.is_taken:
            _log.warning("%s: delivery %s: %s", self.handoff.name, delivery.id, values["last_error"])


def deliver_handoff(
    handles: Handles, handoff_id: int, stop: threading.Event, *, limits: Limits | None = None
) -> int | None:
    """Deliver what is due of one hand-off; gives back how many were taken, `None` if another worker is at it.

    Raises:
        StoreError: the database failed; what was not settled is offered again.
    """
    claimed = handles.database.writing(lambda session: _claim(session, handles, handoff_id))
    if claimed is None:
        return None
    one = _opened(handles, *claimed, limits or Limits())
    handles.renewer.keep(one.lease)
    try:
        _deliver_all(handles, one, stop)
    except LeaseLost as lost:
        _log.warning("%s", lost)
    finally:
        handles.renewer.let_go(one.lease)
        handles.database.writing(lambda session: leases.release(session, one.lease))
    return one.delivered


def settled(delivery: Delivery, reception: Reception | None, now: datetime) -> dict[str, Any]:
    """How a delivery stands after an offer; `None`: there is nothing left to tell of."""
    if reception is None:
        return {
            "state": DeliveryState.FAILED.value,
            "settled_at": now,
            "last_error": "Its record or message is no longer here.",
        }
    attempts = delivery.attempts + 1
    if reception.is_taken:
        return {"state": DeliveryState.DELIVERED.value, "attempts": attempts, "settled_at": now, "last_error": ""}
    values = {"attempts": attempts, "last_error": reception.text[:_LONGEST_ERROR]}
    again = next_attempt_at(attempts, delivery.created_at, now)
    if again is None:
        return {**values, "state": DeliveryState.FAILED.value, "settled_at": now}
    return {**values, "next_attempt_at": again}


def _status_after(reception: Reception | None, failures: int, now: datetime) -> dict[str, Any]:
    if reception is None:
        return {"failures": failures}
    if reception.is_taken:
        return {"failures": 0, "rests_until": None, "last_error": "", "last_ok_at": now}
    rests = now + wait_after(failures) if reception.is_out_of_reach else None
    return {"failures": failures, "rests_until": rests, "last_error": reception.text[:_LONGEST_ERROR]}


def _deliver_all(handles: Handles, one: _Pass, stop: threading.Event) -> None:
    assert one.handoff.id is not None
    while not stop.is_set():
        with handles.database.reading() as session:
            due = next_deliveries(session, one.handoff.id, clock.utcnow(), AT_ONCE)
        for delivery_id in due:
            if stop.is_set() or not one.deliver(delivery_id):
                return
        if not due:
            return


def _claim(session: Session, handles: Handles, handoff_id: int) -> tuple[Lease, Handoff, int] | None:
    handoff = session.get(Handoff, handoff_id)
    if handoff is None or not handoff.active or handoff.deleted_at is not None:
        return None
    insert_missing(
        session,
        HandoffStatus,
        [{"handoff_id": handoff_id, "failures": 0, "last_error": "", "lease_owner": "", "fence": 0}],
    )
    now = clock.utcnow()
    lease = leases.claim(
        session, HandoffStatus, handoff_id, handles.worker_id, now=now, seconds=handles.renewer.seconds
    )
    if lease is None:
        return None
    status = session.get(HandoffStatus, handoff_id)
    session.expunge(handoff)
    return lease, handoff, status.failures if status is not None else 0


def _opened(handles: Handles, lease: Lease, handoff: Handoff, failures: int, limits: Limits) -> _Pass:
    secret, problem = None, ""
    if handoff.url:
        assert handoff.id is not None
        try:
            with handles.database.reading() as session:
                secret = handles.vault.fetch(session, "handoff", handoff.id, "secret")
        except SecretUnreadable as error:
            problem = str(error)
    return _Pass(handles, lease, handoff, secret, problem, limits, failures)
