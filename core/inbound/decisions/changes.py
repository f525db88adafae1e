"""What a follow-up changes on its record."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.inbound.control_headers import FOLLOW_UP, Controls, dynamic_fields
from core.inbound.record_types.draft import IN_FIELDS, pending_until
from core.inbound.trail import Complaint

REOPENED = "open"
"""The state of a closed or pending record that a follow-up opens."""


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What becomes different; `None` stays as it is."""

    queue: str | None = None
    title: str | None = None
    state: str | None = None
    pending_until: datetime | None = None
    """Goes with `state`: a new state that is not pending has none."""
    priority: str | None = None
    lock: str | None = None
    owner: str | None = None
    responsible: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """Put over those that are there."""

    def __bool__(self) -> bool:
        return self != NO_CHANGES


NO_CHANGES = RecordChanges()
_REOPENS = RecordChanges(state=REOPENED)


def changes_of(
    controls: Controls, valid_queues: Container[str], received_at: datetime, *, opens: bool, keeps_state: bool
) -> tuple[RecordChanges, tuple[Complaint, ...]]:
    """What a follow-up changes. `opens`: it opens a closed or pending record; `keeps_state`: its state is fixed."""
    keeps_state = keeps_state or controls.says(f"{FOLLOW_UP}State-Keep")
    asked_for = {name[len(FOLLOW_UP) :]: value for name, value in controls.items() if name.startswith(FOLLOW_UP)}
    if not asked_for:
        return (_REOPENS if opens else NO_CHANGES), ()
    queue = asked_for.get("Queue")
    complaints: tuple[Complaint, ...] = ()
    if queue is not None and queue not in valid_queues:
        complaints = (Complaint("FollowUp-Queue", queue, "There is no valid queue of that name; the record stays."),)
        queue = None
    state = None if keeps_state else asked_for.get("State") or (REOPENED if opens else None)
    changes = RecordChanges(
        queue=queue,
        title=asked_for.get("Title"),
        state=state,
        pending_until=pending_until(state, asked_for.get("State-PendingTime"), received_at) if state else None,
        priority=asked_for.get("Priority"),
        lock=asked_for.get("Lock"),
        owner=asked_for.get("Owner"),
        responsible=asked_for.get("Responsible"),
        fields=dynamic_fields(controls, of_follow_up=True)
        | {name: asked_for[name] for name in IN_FIELDS if name in asked_for},
    )
    return changes, complaints
