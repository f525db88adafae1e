"""Where records are offered to other systems, and what was offered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from core.models.base import BigId, Resource, big, json_list, key, moment, unique_while_alive


class Handoff(Resource, table=True):
    """A command or address that new records and follow-ups are handed to."""

    __tablename__ = "handoff"
    __table_args__ = (unique_while_alive("handoff", "name"),)

    name: str
    command: str = ""
    url: str = ""
    queues: list[str] = json_list()
    types: list[str] = json_list()
    active: bool = True


class HandoffStatus(SQLModel, table=True):
    """What workers know of a hand-off: who delivers it now, how it goes, until when it is left alone."""

    __tablename__ = "handoff_status"

    handoff_id: int = Field(
        primary_key=True, foreign_key="handoff.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    failures: int = 0
    """In a row, of the receiver as a whole: it was out of reach, or too slow."""
    rests_until: datetime | None = moment(nullable=True)
    """Until then nothing is offered to it."""
    last_error: str = ""
    last_ok_at: datetime | None = moment(nullable=True)
    lease_owner: str = ""
    lease_until: datetime | None = moment(nullable=True)
    fence: int = big(default=0)
    """Grows with each claim; every write of a claimant names it."""


class DeliveryEvent(StrEnum):
    """What is told."""

    RECORD = "record"
    """A message made a record."""
    FOLLOW_UP = "follow-up"
    """A message was added to a record."""


class DeliveryState(StrEnum):
    """How an offer stands."""

    WAITING = "waiting"
    """To be delivered, at its turn."""
    DELIVERED = "delivered"
    """The receiver took it."""
    FAILED = "failed"
    """Nobody took it for as long as it was tried; a person may retry it."""


class Delivery(SQLModel, table=True):
    """One thing that happened to a record, offered to one hand-off."""

    __tablename__ = "delivery"
    __table_args__ = (
        # The turn of each record, and what is due of a hand-off.
        Index("ix_delivery_turn", "handoff_id", "state", "record_id", "id"),
        Index("ix_delivery_state", "state", "settled_at"),
    )

    id: int | None = key()
    handoff_id: int = big()
    record_id: int = big(index=True)
    message_id: int = big()
    event: str
    state: str = DeliveryState.WAITING
    attempts: int = 0
    next_attempt_at: datetime = moment()
    last_error: str = ""
    created_at: datetime = moment()
    settled_at: datetime | None = moment(nullable=True)
    """When it was taken, or given up."""
