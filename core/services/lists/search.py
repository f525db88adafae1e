"""Looking: lists of any kind, filtered and paged in the database, never loaded whole to be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from core.db.bulk import table_of
from core.errors import Misuse
from core.filtering import condition, named, read_filter
from core.handles import Handles
from core.models import Audit
from core.resources.kind import Kind
from core.resources.system import AUDIT, SETTING
from core.services import access, settings
from core.services.actor import Actor
from core.services.lists import recipients
from core.services.lists.paging import Cursor, order_of, place_of

Row = Mapping[str, Any]
"""One row: column names to Python values."""

LIMIT = 1000
"""Rows of a list unless another number is asked for."""


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    rows: list[Row]
    has_more: bool
    """Whether more rows lie beyond, in the direction that was asked for."""


def matching(
    handles: Handles,
    actor: Actor,
    kind: Kind,
    filter_text: str = "",
    *,
    limit: int = LIMIT,
    after: Cursor | None = None,
    before: Cursor | None = None,
    at_end: bool = False,
    newest_first: bool | None = None,
) -> Page:
    """The rows of a kind that a filter text matches, a page of them.

    Args:
        handles: what this process holds open.
        actor: who asks.
        kind: what is listed.
        filter_text: as a person types it.
        limit: the most rows; 0 = all.
        after: the cursor of the last row of the page before.
        before: the cursor of the first row of the page after; with it the page ends just before that row.
        at_end: the last page of all.
        newest_first: whether to start with the newest; unless given, as the kind is listed.
    """
    access.require(actor, access.SEE, kind.name)
    if (after is not None) + (before is not None) + at_end > 1:
        raise Misuse("A page lies after a row, before one, or at the end: one of these.")
    if kind is SETTING:
        return Page(list(settings.rows(handles, filter_text)), False)
    with handles.database.reading() as session:
        order = order_of(session, kind, newest_first)
        is_backwards = at_end or before is not None
        statement = order.sorted(_selected(actor, kind, filter_text), is_reversed=is_backwards)
        if (cursor := after if before is None else before) is not None:
            place = place_of(session, kind, order, cursor)
            statement = statement.where(order.beyond(place, is_before=before is not None))
        if limit:
            statement = statement.limit(limit + 1)
        rows: list[Row] = [dict(row) for row in session.connection().execute(statement).mappings()]
        has_more = bool(limit) and len(rows) > limit
        rows = rows[:limit] if has_more else rows
        recipients.put_into(session, kind, rows)
    return Page(rows[::-1] if is_backwards else rows, has_more)


def cursor_named(handles: Handles, actor: Actor, kind: Kind, name: str) -> Cursor | None:
    """Where the row of that name stands in the list of its kind; `None`: there is none."""
    access.require(actor, access.SEE, kind.name)
    table = table_of(kind.model)
    wanted = select(table.c[kind.id_column]).where(table.c[kind.key] == name, *kind.conditions, *seen_by(actor, kind))
    with handles.database.reading() as session:
        return session.connection().execute(wanted).scalar()


def count(handles: Handles, actor: Actor, kind: Kind, filter_text: str = "", *, at_most: int = 10_000) -> int:
    """How many rows match, counted no further than `at_most`."""
    access.require(actor, access.SEE, kind.name)
    if kind is SETTING:
        return len(settings.rows(handles, filter_text))
    few = _selected(actor, kind, filter_text, is_counted=True).limit(at_most).subquery()
    with handles.database.reading() as session:
        return session.connection().execute(select(func.count()).select_from(few)).scalar_one()


def seen_by(actor: Actor, kind: Kind) -> tuple[ColumnElement[bool], ...]:
    """What holds of the rows of a kind that an actor sees."""
    hidden = access.hidden_from(actor)
    return (table_of(Audit).c.kind.not_in(hidden),) if kind is AUDIT and hidden else ()


def _selected(actor: Actor, kind: Kind, filter_text: str, *, is_counted: bool = False) -> Select[Any]:
    table = table_of(kind.model)
    wanted = named(read_filter(filter_text), kind.filter_names)
    shown = [table.c[kind.id_column]] if is_counted else [column.sql.label(column.name) for column in kind.columns]
    return (
        select(*shown)
        .select_from(table)
        .where(*kind.conditions, *seen_by(actor, kind), condition(wanted, kind.filter_columns, kind.time_columns))
    )
