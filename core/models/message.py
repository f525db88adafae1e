"""Messages that came in, their exact bytes, and what could not be processed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, given_key, json_list, moment, partial_index


class MessageState(StrEnum):
    """Where an incoming message ended; exactly one."""

    RECORDED = "recorded"
    """It made a record or is a follow-up to one."""
    QUARANTINED = "quarantined"
    """It could not be processed; its bytes wait for a person."""
    IGNORED = "ignored"
    """A header or filter said so."""
    BOUNCE = "bounce"
    """It reports that a message could not be delivered."""
    TOO_LARGE = "too_large"
    """It is over the account's limit and was left on the server."""


class Message(SQLModel, table=True):
    """One incoming message; its bytes are in `RawMessage`."""

    __tablename__ = "message"
    __table_args__ = (
        # The source key: what names a message on its server. POP3 has folder "" and no UID, IMAP no UIDL.
        UniqueConstraint("account_id", "epoch", "folder", "uidvalidity", "uid", "uidl", name="uq_message_source"),
        partial_index("ix_message_unacknowledged", "account_id", where="acknowledged_at IS NULL"),
        Index("ix_message_account_sha256", "account_id", "sha256"),
        Index("ix_message_state", "state", "id"),
        Index("ix_message_sender", "account_id", "from_address", "received_at"),
    )

    id: int = given_key()
    account_id: int | None = big(nullable=True)
    epoch: int = 1
    folder: str = ""
    uidvalidity: int = big(default=0)
    uid: int = big(default=0)
    uidl: str = ""
    sha256: str = ""
    size: int = big(default=0)
    message_id: str = Field(default="", index=True)
    subject: str = ""
    header_from: str = ""
    from_address: str = ""
    """The first From address in lower case; what the loop guard counts by."""
    header_to: str = ""
    date: datetime | None = moment(nullable=True)
    received_at: datetime = moment()
    state: str
    record_id: int | None = big(nullable=True, index=True)
    opened_record: bool = False
    """Whether it made its record, or is counted as if it had (our own mail)."""
    run_id: int | None = big(nullable=True, index=True)
    after_fetch: str = "keep"
    move_to: str = ""
    acknowledged_at: datetime | None = moment(nullable=True)
    """When the server was done with it: deleted, moved, kept or gone."""
    trail: list[list[str]] = json_list()
    """Why it is where it is: `[stage, rule, why]` in order."""


class RawMessage(SQLModel, table=True):
    """The exact bytes of a message as its server gave them."""

    __tablename__ = "raw_message"

    message_id: int = Field(
        primary_key=True, foreign_key="message.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    data: bytes = Field(sa_type=LargeBinary)


class OriginalMessage(SQLModel, table=True):
    """The exact bytes of a message that a person has edited since; `RawMessage` holds what he made of it."""

    __tablename__ = "original_message"

    message_id: int = Field(
        primary_key=True, foreign_key="message.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    data: bytes = Field(sa_type=LargeBinary)
    edited_at: datetime = moment()
    edited_by: str = ""


class Quarantine(SQLModel, table=True):
    """Why a message could not be processed, and how often it was tried."""

    __tablename__ = "quarantine"

    message_id: int = Field(
        primary_key=True, foreign_key="message.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    reason: str
    detail: str = ""
    attempts: int = 1
    trusted: bool = False
    created_at: datetime = moment()
    tried_at: datetime = moment()


class Suspect(SQLModel, table=True):
    """A message that was in the hands of a run that died: taken alone, in a process of its own."""

    __tablename__ = "suspect"

    account_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    folder: str = Field(primary_key=True)
    uidvalidity: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    uid: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    uidl: str = Field(primary_key=True, default="")
    deaths: int = 0
    """How often the child process died with just this message in its hands."""
