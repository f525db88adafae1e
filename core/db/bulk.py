"""Writing many rows at once; every difference between the engines stands here, once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, Table, func, literal, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from core.models import Counter


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in one statement execution; every column without a database default must be given."""
    if rows:
        session.connection().execute(plain_insert(table_of(model)), list(rows))


def insert_missing(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows whose keys are not there yet; a duplicate is a skip."""
    if rows:
        statement = _dialect_insert(session, model).on_conflict_do_nothing()
        session.connection().execute(statement, list(rows))


def upsert(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite the columns given where the primary key is there already."""
    if not rows:
        return
    keys = [column.name for column in table_of(model).primary_key]
    statement = _dialect_insert(session, model)
    changed = {name: getattr(statement.excluded, name) for name in rows[0] if name not in keys}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


def reserve(session: Session, counter: str, count: int) -> int:
    """Take the next `count` numbers of a counter and return the first; gaps are allowed, repeats are not."""
    statement = _dialect_insert(session, Counter).values(name=counter, value=count)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"value": Counter.__table__.c.value + count},  # type: ignore[attr-defined]
    ).returning(Counter.__table__.c.value)  # type: ignore[attr-defined]
    last: int = session.connection().execute(statement).scalar_one()
    return last - count + 1


def skip_locked(statement: Select[Any]) -> Select[Any]:
    """Rows nobody else is claiming (PostgreSQL); on SQLite the writer is alone anyway."""
    return statement.with_for_update(skip_locked=True)


def database_now(session: Session, now: datetime) -> ColumnElement[datetime]:
    """The time that leases are compared with: the server's own on PostgreSQL, the machine's on SQLite."""
    if session.get_bind().dialect.name == "postgresql":
        return func.now()
    from core.models.base import UtcDateTime

    return literal(now, UtcDateTime())


def _dialect_insert(session: Session, model: type[SQLModel]) -> Any:
    module: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return module.insert(table_of(model))


def one_at_a_time(session: Session, concern: str) -> None:
    """Wait until no other transaction holds this concern; it is ours until the commit.

    On SQLite the writer is alone anyway. On PostgreSQL two changes of configuration could each pass a check that
    fails for both together.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(concern.encode()).digest()[:7], "big")
        session.connection().execute(select(func.pg_advisory_xact_lock(number)))


def by_code_point(session: Session, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text column in an order that is the same on both engines, whatever the server's locale."""
    if session.get_bind().dialect.name == "postgresql" and isinstance(column.type, String):
        return column.collate("C")
    return column
