"""Runs: one pass over one account, and its lines."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, key, moment


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """At work."""
    OK = "ok"
    """Over, with nothing to complain of."""
    FAILED = "failed"
    """Over, with an error."""
    STOPPED = "stopped"
    """Ended by a person or a signal."""
    ABORTED = "aborted"
    """Its worker died; closed by the one that took over."""


EventLevel = Literal["debug", "info", "warning", "error"]
"""How grave a run event is."""

EVENT_LEVELS: tuple[EventLevel, ...] = get_args(EventLevel)
"""From the least grave on."""


class Run(SQLModel, table=True):
    """One pass over one account."""

    __tablename__ = "run"
    __table_args__ = (Index("ix_run_account_id_id", "account_id", "id"), Index("ix_run_state_id", "state", "id"))

    id: int | None = key()
    account_id: int = big()
    account: str
    host: str = ""
    worker: str = ""
    state: str = RunState.RUNNING
    step: str = ""
    """What it is doing: connect, login, select, fetch, delete …"""
    expected: int = 0
    """How many messages it set out to fetch."""
    fence: int = big(default=0)
    started_at: datetime = moment(index=True)
    ended_at: datetime | None = moment(nullable=True)
    last_seq: int = 0
    """The last event's number; moves with the events in one transaction."""
    bytes: int = big(default=0)
    fetched: int = 0
    records: int = 0
    follow_ups: int = 0
    bounces: int = 0
    ignored: int = 0
    skipped: int = 0
    quarantined: int = 0
    too_large: int = 0
    acknowledged: int = 0
    error: str = ""
    fault: str = ""
    """Empty, `passing` (try again) or `configuration` (a person must mend it)."""


class RunEvent(SQLModel, table=True):
    """One line of a run; a run has one writer, so its numbers have no gaps."""

    __tablename__ = "run_event"

    run_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = moment()
    level: str = "info"
    """An `EventLevel`."""
    step: str = ""
    text: str = ""
    ms: float | None = Field(default=None)
    message_id: int | None = big(nullable=True)
