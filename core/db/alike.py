"""What makes the two engines behave alike where the same statement would not."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, func, literal, select
from sqlmodel import Session
from sqlmodel.sql.sqltypes import AutoString

from core import clock
from core.models.base import UtcDateTime


def dialect_of(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def one_at_a_time(session: Session, concern: str) -> None:
    """Wait until no other transaction holds this concern; it is ours until the commit.

    On SQLite the writer is alone anyway. On PostgreSQL two changes of configuration could each pass a check that
    fails for both together.
    """
    if dialect_of(session) == "postgresql":
        number = int.from_bytes(hashlib.sha256(concern.encode()).digest()[:7], "big")
        session.connection().execute(select(func.pg_advisory_xact_lock(number)))


def skip_locked(statement: Select[Any]) -> Select[Any]:
    """Rows nobody else is claiming (PostgreSQL); on SQLite the writer is alone anyway."""
    return statement.with_for_update(skip_locked=True)


def database_time(session: Session) -> datetime:
    """The time that messages and leases are reckoned by: the server's on PostgreSQL, the machine's on SQLite."""
    if dialect_of(session) == "postgresql":
        now: datetime = session.connection().exec_driver_sql("SELECT now()").scalar_one()
        return now
    return clock.utcnow()


def database_now(session: Session, now: datetime) -> ColumnElement[datetime]:
    """The time that leases are compared with: the server's own on PostgreSQL, the machine's on SQLite."""
    if dialect_of(session) == "postgresql":
        return func.now()
    return literal(now, UtcDateTime())


def now_in(dialect: str) -> ColumnElement[datetime]:
    """The same for a statement that is made once: it is executed with `given_now`."""
    return func.now() if dialect == "postgresql" else bindparam("now", type_=UtcDateTime())


def given_now(session: Session, now: datetime) -> dict[str, datetime]:
    """What a statement with `now_in` is executed with."""
    return {} if dialect_of(session) == "postgresql" else {"now": now}


def is_text(column: ColumnElement[Any]) -> bool:
    """Whether a column holds text (the models' own type for it is no `String` by class)."""
    return isinstance(column.type, String | AutoString)


def by_code_point(session: Session, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text column in an order that is the same on both engines, whatever the server's locale."""
    if dialect_of(session) == "postgresql" and is_text(column):
        return column.collate("C")
    return column
