"""A person's orders to workers, and what came of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, json_object, key, moment


class RequestState(StrEnum):
    """How an order stands."""

    ASKED = "asked"
    """No worker has taken it yet."""
    CLAIMED = "claimed"
    """A worker is at it."""
    DONE = "done"
    """Carried out."""
    FAILED = "failed"
    """It could not be carried out; the last event says why."""


class Request(SQLModel, table=True):
    """One order: fetch, test, pause, resume, stop, deliver."""

    __tablename__ = "request"
    __table_args__ = (Index("ix_request_state_id", "state", "id"),)

    id: int | None = key()
    kind: str
    subject: str = ""
    """What it is about, as `kind:name`."""
    arguments: dict[str, Any] = json_object()
    sealed_values: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Values with secrets, encrypted: a test of what is not saved yet."""
    asked_by: str
    asked_at: datetime = moment()
    wanted_home: str = ""
    """Read by nobody; it stands in the first tables that were released."""
    state: str = RequestState.ASKED
    claimed_by: str = ""
    lease_until: datetime | None = moment(nullable=True)
    fence: int = big(default=0)
    last_seq: int = 0
    ended_at: datetime | None = moment(nullable=True)
    run_id: int | None = big(nullable=True)


class RequestEvent(SQLModel, table=True):
    """One step of carrying out an order."""

    __tablename__ = "request_event"

    request_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = moment()
    step: str
    ok: bool = True
    ms: float | None = Field(default=None)
    detail: str = ""
