"""Records: tickets, grievances, change requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from core.models.base import big, given_key, json_object, moment, partial_index


class Record(SQLModel, table=True):
    """What an incoming message became, and where its follow-ups gather."""

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_queue_id_state", "queue_id", "state"),
        partial_index("ix_record_to_wake", "pending_until", where="pending_until IS NOT NULL AND woken_at IS NULL"),
    )

    id: int = given_key()
    number: str = Field(unique=True)
    """YYYYMMDD, the system id, a counter; unique over all workers."""
    type: str = "Ticket"
    title: str = ""
    queue_id: int | None = big(foreign_key="queue.id", nullable=True)
    state: str = "new"
    priority: str = "3 normal"
    lock: str = "unlock"
    owner: str = ""
    responsible: str = ""
    customer: str = ""
    account_id: int | None = big(nullable=True)
    pending_until: datetime | None = moment(nullable=True)
    """Until when a pending state lasts."""
    woken_at: datetime | None = moment(nullable=True)
    """When a pending state's time had come; none again once the state changes."""
    fields: dict[str, Any] = json_object()
    created_at: datetime = moment()
    updated_at: datetime = moment()
