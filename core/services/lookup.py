"""Finding one row by the name a person gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import NotFound
from core.resources.kind import Kind
from core.resources.unknown import unknown

Stored = Mapping[str, Any]
"""A row of a resource's table, by column."""


def living(session: Session, kind: Kind, name: str, *, is_locked: bool = False) -> Stored | None:
    """The row of that name, unless it was deleted."""
    table = table_of(kind.model)
    statement = select(table).where(_is_named(kind, name), table.c.deleted_at.is_(None))
    found = session.connection().execute(statement.with_for_update() if is_locked else statement)
    row = found.mappings().first()
    return None if row is None else dict(row)


def named(session: Session, kind: Kind, name: str | int, *, is_locked: bool = False) -> Stored:
    """The row of that name, or of that id when no row is named so.

    Raises:
        NotFound: there is none.
    """
    row = living(session, kind, str(name), is_locked=is_locked)
    if row is None and (row_id := as_id(name)) is not None:
        table = table_of(kind.model)
        by_id = select(table).where(table.c.id == row_id, table.c.deleted_at.is_(None))
        found = session.connection().execute(by_id).mappings().first()
        row = None if found is None else dict(found)
    if row is None:
        raise not_found(session, kind, str(name))
    return row


def as_id(name: str | int) -> int | None:
    """A name that may be an id."""
    text = str(name).strip()
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def not_found(session: Session, kind: Kind, name: str) -> NotFound:
    """The error for a name that nothing has, with the nearest one that something has."""
    names: Sequence[str] = ()
    if kind.is_editable:
        table = table_of(kind.model)
        asked = select(table.c[kind.key]).where(table.c.deleted_at.is_(None)).limit(5000)
        names = session.connection().execute(asked).scalars().all()
    return NotFound(unknown(kind, name, names))


def _is_named(kind: Kind, name: str) -> ColumnElement[bool]:
    column = table_of(kind.model).c[kind.key]
    # Mail addresses are compared without case wherever we compare them.
    return func.lower(column) == name.lower() if kind.key == "address" else column == name
