"""The outbox: what is still to be sent, and what became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, key, moment, partial_index


class OutgoingState(StrEnum):
    """Where an outgoing message, or one of its recipients, stands."""

    QUEUED = "queued"
    """Waiting for its first try."""
    SENDING = "sending"
    """In a worker's hands."""
    SENT = "sent"
    """Taken by the relay."""
    DEFERRED = "deferred"
    """Refused for now; tried again at `next_attempt_at`."""
    UNCERTAIN = "uncertain"
    """The connection or worker was lost after the last byte: it may have been taken."""
    FAILED = "failed"
    """Refused for good, or its lifetime is over."""
    EXPIRED = "expired"
    """Not sent in time; no longer wanted."""
    CANCELLED = "cancelled"
    """A person took it back."""
    HELD = "held"
    """Waits for a person."""
    BOUNCED = "bounced"
    """Only a recipient: a report came back after it was sent."""


class Lane(StrEnum):
    """Who overtakes whom."""

    URGENT = "urgent"
    """Passwords and one-time codes: overtakes everything."""
    NORMAL = "normal"
    """The default."""
    BULK = "bulk"
    """Newsletters and reports: waits for the others."""

    @property
    def rank(self) -> int:
        """The order of claiming; smallest first."""
        return {"urgent": 0, "normal": 1, "bulk": 2}[self.value]


class OutgoingMessage(SQLModel, table=True):
    """A message to be sent, with its envelope sender; recipients have rows of their own."""

    __tablename__ = "outgoing_message"
    __table_args__ = (
        Index("ix_outgoing_message_claim", "state", "lane_rank", "next_attempt_at", "id"),
        Index("ix_outgoing_message_state_lease_until", "state", "lease_until"),
    )

    id: int | None = key()
    message_id: str = Field(index=True)
    """With its angle brackets; fixed when it was taken in, the same at every try."""
    state: str = OutgoingState.QUEUED
    lane: str = Lane.NORMAL
    lane_rank: int = 1
    sender: str = ""
    """The envelope sender; empty: the null sender, or the mailbox's default when `has_sender` is false."""
    has_sender: bool = False
    """Whether the caller gave the envelope sender (the null sender is one too)."""
    header_from: str = ""
    subject: str = ""
    size: int = big(default=0)
    mailbox_id: int | None = big(nullable=True)
    """The mailbox that was asked for, if any."""
    sent_by_id: int | None = big(nullable=True)
    """The mailbox that tried last."""
    record_id: int | None = big(nullable=True, index=True)
    """The record that it answers, if any: a bounce of it is added there."""
    key: str | None = Field(default=None, unique=True)
    """The caller's idempotency key."""
    notify: bool = True
    submitted_by: str = ""
    """Who handed it in: a system user, a program."""
    created_at: datetime = moment(index=True)
    first_due_at: datetime | None = moment(nullable=True)
    """When a scheduled message may leave for the first time, or a held one was released: its lifetime begins then."""
    next_attempt_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    attempts: int = 0
    uncertain_since: datetime | None = moment(nullable=True)
    last_error: str = ""
    settled_at: datetime | None = moment(nullable=True)
    """When it reached its last state."""
    lease_owner: str = ""
    lease_until: datetime | None = moment(nullable=True)
    fence: int = big(default=0)
    handing_over: bool = False
    """Committed before DATA: a worker lost after this leaves the message uncertain."""
    in_hand_from: int | None = big(nullable=True)
    """Of a message that goes in parts, the first of the recipients' rows that are handed over now; none: all."""
    in_hand_to: int | None = big(nullable=True)
    """And the last."""


class OutgoingRaw(SQLModel, table=True):
    """The bytes of an outgoing message as they were handed in."""

    __tablename__ = "outgoing_raw"

    outgoing_id: int = Field(
        primary_key=True, foreign_key="outgoing_message.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    data: bytes = Field(sa_type=LargeBinary)


class Recipient(SQLModel, table=True):
    """One recipient of one message, and what became of it."""

    __tablename__ = "recipient"
    __table_args__ = (
        partial_index(
            "ix_recipient_bcc_waits", "outgoing_id", where="is_bcc AND state = 'deferred' AND settled_at IS NULL"
        ),
    )

    id: int | None = key()
    outgoing_id: int = big(foreign_key="outgoing_message.id", index=True)
    address: str
    is_bcc: bool = False
    """Added by the mailbox's Bcc: never changes the message's state."""
    state: str = OutgoingState.QUEUED
    reply_code: int | None = Field(default=None)
    enhanced_code: str = ""
    text: str = ""
    settled_at: datetime | None = moment(nullable=True)


class Attempt(SQLModel, table=True):
    """One try: by which mailbox, where, how far it came, what was answered."""

    __tablename__ = "attempt"

    id: int | None = key()
    outgoing_id: int = big(foreign_key="outgoing_message.id", index=True)
    number: int
    mailbox_id: int | None = big(nullable=True)
    mailbox: str = ""
    host: str = ""
    phase: str = ""
    outcome: str = ""
    """The state this try led to."""
    reply_code: int | None = Field(default=None)
    enhanced_code: str = ""
    text: str = ""
    started_at: datetime = moment()
    ms: float = 0.0
