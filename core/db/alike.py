"""What makes the two engines behave alike where the same statement would not."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, String, func, select
from sqlmodel import Session
from sqlmodel.sql.sqltypes import AutoString


def one_at_a_time(session: Session, concern: str) -> None:
    """Wait until no other transaction holds this concern; it is ours until the commit.

    On SQLite the writer is alone anyway. On PostgreSQL two changes of configuration could each pass a check that
    fails for both together.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(concern.encode()).digest()[:7], "big")
        session.connection().execute(select(func.pg_advisory_xact_lock(number)))


def is_text(column: ColumnElement[Any]) -> bool:
    """Whether a column holds text (the models' own type for it is no `String` by class)."""
    return isinstance(column.type, String | AutoString)


def by_code_point(session: Session, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text column in an order that is the same on both engines, whatever the server's locale."""
    if session.get_bind().dialect.name == "postgresql" and is_text(column):
        return column.collate("C")
    return column
