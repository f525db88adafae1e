"""What a new record starts with, whatever its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from core.inbound.control_headers import Controls, dynamic_fields
from core.inbound.control_values import pending_time
from core.inbound.trail import Complaint
from core.mail.headers import Headers
from core.mail.summary import Summary

DEFAULT_STATE = "new"
DEFAULT_PRIORITY = "3 normal"
DEFAULT_LOCK = "unlock"
NO_SUBJECT = "(no subject)"

PENDING_FOR = timedelta(days=1)
"""How long a pending state lasts that does not say: without a time it would never wake."""

IN_FIELDS = ("Type", "Service", "SLA", "SenderType", "IsVisibleForCustomer")
"""Controls that are kept among the record's fields."""


class MessageView(NamedTuple):
    """What a record type may look at."""

    summary: Summary
    headers: Headers
    """Without control headers, unless the message is trusted."""
    body: Callable[[], str]
    """The decoded text, HTML converted; worked out when it is asked for."""
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """A record as it will be made, but for its number and queue."""

    title: str
    type: str = "Ticket"
    state: str = DEFAULT_STATE
    priority: str = DEFAULT_PRIORITY
    lock: str = DEFAULT_LOCK
    owner: str = ""
    responsible: str = ""
    customer: str = ""
    pending_until: datetime | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()


def plain_draft(type_name: str, message: MessageView, controls: Controls) -> RecordDraft:
    """The draft that every type begins with; values in `controls` have been checked."""
    summary = message.summary
    if not controls:
        return RecordDraft(title=summary.subject or NO_SUBJECT, type=type_name, customer=summary.from_address)
    state = controls.get("State", DEFAULT_STATE)
    return RecordDraft(
        title=controls.get("Title") or summary.subject or NO_SUBJECT,
        type=type_name,
        state=state,
        priority=controls.get("Priority", DEFAULT_PRIORITY),
        lock=controls.get("Lock", DEFAULT_LOCK),
        owner=controls.get("Owner", ""),
        responsible=controls.get("Responsible", ""),
        customer=controls.get("CustomerUser") or controls.get("CustomerNo") or summary.from_address,
        pending_until=pending_until(state, controls.get("State-PendingTime"), message.received_at),
        fields=dynamic_fields(controls) | {name: controls[name] for name in IN_FIELDS if name in controls},
    )


def pending_until(state: str, asked_for: str | None, now: datetime) -> datetime | None:
    """When a pending state wakes; `None` for all other states."""
    if not state.lower().startswith("pending"):
        return None
    return (pending_time(asked_for, now) if asked_for else None) or now + PENDING_FOR
