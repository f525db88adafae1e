"""What Postroom keeps about itself: workers, alerts, audit, secrets, settings, what moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, LargeBinary
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, key, moment

WORKER_ALIVE_FOR = timedelta(seconds=20)
"""A worker whose last heartbeat is older is not counted as alive."""


class Worker(SQLModel, table=True):
    """A process that works: alive while its heartbeat moves."""

    __tablename__ = "worker"

    id: str = Field(primary_key=True)
    host: str
    pid: int
    role: str = ""
    """What it does: fetch, send, both, or one command."""
    version: str = ""
    started_at: datetime = moment()
    heartbeat_at: datetime = moment(index=True)


class Alert(SQLModel, table=True):
    """Something that needs a person: opened once, closed with a notice."""

    __tablename__ = "alert"

    id: int | None = key()
    subject: str = Field(index=True)
    """What it is about; at most one alert with it is open."""
    text: str
    opened_at: datetime = moment()
    closed_at: datetime | None = moment(nullable=True)
    told_at: datetime | None = moment(nullable=True)
    """When those who are to be told were told that it opened."""
    closing_told_at: datetime | None = moment(nullable=True)
    """When they were told that it has passed."""
    command_due: datetime | None = moment(nullable=True)
    """When the command is to be given it as it is then; none: it has been, or there is no command."""
    command_tries: int = 0
    """How often in a row the command did not take it."""


class Audit(SQLModel, table=True):
    """Who did what, when, and what it was before; only ever added to."""

    __tablename__ = "audit"

    id: int | None = key()
    at: datetime = moment(index=True)
    actor: str
    """user@host."""
    verb: str
    kind: str
    name: str
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class Secret(SQLModel, table=True):
    """One secret of one resource: sealed, or a reference to where it is read at each use."""

    __tablename__ = "secret"

    kind: str = Field(primary_key=True)
    owner_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    field: str = Field(primary_key=True)
    key_id: str = ""
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    ref: str = ""
    """`env:NAME` or `file:PATH`; then nothing is stored."""


class Setting(SQLModel, table=True):
    """One setting that differs from its default, by its dotted name."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: Any = Field(default=None, sa_type=JSON)


class Changed(SQLModel, table=True):
    """One row a topic: its version moves when something of that topic did."""

    __tablename__ = "changed"

    topic: str = Field(primary_key=True)
    version: int = big(default=0)


class Counter(SQLModel, table=True):
    """Numbers handed out in blocks: ids of bulk rows, record numbers of a day, turns."""

    __tablename__ = "counter"

    name: str = Field(primary_key=True)
    value: int = big(default=0)
