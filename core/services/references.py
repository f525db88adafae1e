"""References between resources: names to people, ids in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.resources.catalogue import kind_named, referrers
from core.resources.kind import FieldType, Kind
from core.services.lookup import Stored, living
from core.text import counted

Known = Collection[tuple[str, str]]
"""Kinds and names that will be there by the end of an import, though they are not yet."""


def names_in(session: Session, kind: Kind, row: Stored) -> dict[str, str]:
    """The names of what a row refers to, by field; empty for none."""
    names = {}
    for field in kind.fields:
        if field.type is FieldType.REFERENCE:
            target = kind_named(field.refers_to)
            table = table_of(target.model)
            wanted = select(table.c[target.key]).where(table.c.id == row[field.column])
            names[field.name] = session.connection().execute(wanted).scalar() or ""
    return names


def ids_of(session: Session, kind: Kind, values: Mapping[str, Any]) -> dict[str, int | None]:
    """The ids behind the names of a draft, by column; none for an empty name or one that is not there yet."""
    ids: dict[str, int | None] = {}
    for field in kind.fields:
        if field.type is FieldType.REFERENCE:
            row = living(session, kind_named(field.refers_to), values[field.name]) if values[field.name] else None
            ids[field.column] = None if row is None else row["id"]
    return ids


def dangling(session: Session, kind: Kind, values: Mapping[str, Any], known: Known = ()) -> dict[str, str]:
    """What is wrong with the references among these values, by field."""
    complaints = {}
    for field in kind.fields:
        name = values.get(field.name)
        if field.type is not FieldType.REFERENCE or not name or (field.refers_to, name) in known:
            continue
        if living(session, kind_named(field.refers_to), name) is None:
            complaints[field.name] = f"there is no {field.refers_to} {name!r}."
    return complaints


def users_of(session: Session, kind: Kind, row_id: int) -> dict[Kind, list[str]]:
    """Who refers to a row: names by kind, in order."""
    users: dict[Kind, list[str]] = {}
    for referrer, field_name in referrers(kind.name):
        table = table_of(referrer.model)
        refers = table.c[f"{field_name}_id"] == row_id
        wanted = (
            select(table.c[referrer.key]).where(refers, table.c.deleted_at.is_(None)).order_by(table.c[referrer.key])
        )
        if names := session.connection().execute(wanted).scalars().all():
            users.setdefault(referrer, []).extend(names)
    return users


def in_use(users: Mapping[Kind, list[str]]) -> str:
    """`2 mailboxes still use it (a, b)`, as a refusal says it."""
    parts = [counted(len(names), kind.name, kind.plural) for kind, names in users.items()]
    names = [name for found in users.values() for name in found]
    verb = "uses" if len(names) == 1 else "use"
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"{' and '.join(parts)} still {verb} it ({shown})"


def refusal(kind: Kind, name: str, users: Mapping[Kind, list[str]]) -> str:
    """Why something in use was not deleted, and what to do."""
    one = sum(len(names) for names in users.values()) == 1
    return (
        f"{kind.name.capitalize()} {name} was not deleted: {in_use(users)}. "
        f"Delete {'it' if one else 'them'} or give {'it' if one else 'them'} another {kind.name} first."
    )
