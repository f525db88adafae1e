"""Paging by key: the next page begins after the last row seen, however many rows lie before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlmodel import Session

from core.db.alike import by_code_point, is_text
from core.db.bulk import table_of
from core.errors import Misuse
from core.resources.kind import Kind

Cursor = int | str
"""What names a row to page from: its id; `run:seq` for a run's event."""


@dataclass(frozen=True)
class Order:
    """The columns a list is ordered by, the last of them unique."""

    columns: tuple[ColumnElement[Any], ...]
    is_descending: bool

    def sorted(self, statement: Select[Any], *, is_reversed: bool) -> Select[Any]:
        """The statement in this order, or in the opposite one for the page before."""
        is_descending = self.is_descending != is_reversed
        return statement.order_by(*(column.desc() if is_descending else column.asc() for column in self.columns))

    def beyond(self, place: tuple[Any, ...], *, is_before: bool) -> ColumnElement[bool]:
        """The condition of the rows after a place in this order, or before it."""
        grows = self.is_descending == is_before
        steps = []
        for depth, column in enumerate(self.columns):
            equal = [self.columns[level] == place[level] for level in range(depth)]
            steps.append(and_(*equal, column > place[depth] if grows else column < place[depth]))
        return or_(*steps)


def order_of(session: Session, kind: Kind, newest_first: bool | None) -> Order:
    """How a kind is listed: by its name, or from the newest row."""
    table = table_of(kind.model)
    if kind.name == "event":
        return Order((table.c.run_id, table.c.seq), kind.is_newest_first if newest_first is None else newest_first)
    row_id = table.c[kind.id_column]
    is_newest_first = kind.is_newest_first if newest_first is None else newest_first
    if is_newest_first or kind.is_newest_first or kind.key == kind.id_column:
        return Order((row_id,), is_newest_first)
    return Order((by_code_point(session, table.c[kind.key]), row_id), False)


def place_of(session: Session, kind: Kind, order: Order, cursor: Cursor) -> tuple[Any, ...]:
    """Where a cursor's row stands in an order.

    Raises:
        Misuse: it is no cursor of this kind, or its row is gone.
    """
    if kind.name == "event":
        run, _, seq = str(cursor).partition(":")
        return _number(kind, run), _number(kind, seq or "0")
    table = table_of(kind.model)
    row_id = table.c[kind.id_column]
    key = str(cursor) if is_text(row_id) else _number(kind, cursor)
    if len(order.columns) == 1:
        return (key,)
    found = session.connection().execute(select(table.c[kind.key], row_id).where(row_id == key)).first()
    if found is None:
        raise Misuse(f"There is no {kind.name} with the id {cursor} to go on from.")
    return tuple(found)


def cursor_of(kind: Kind, row: Mapping[str, Any]) -> Cursor:
    """The cursor of a row that was listed."""
    if kind.name == "event":
        return f"{row['run']}:{row['seq']}"
    return row[kind.id_column]  # type: ignore[no-any-return]


def _number(kind: Kind, cursor: Cursor) -> int:
    text = str(cursor).strip()
    if not text.isdecimal() or len(text) > 18:
        raise Misuse(f"{cursor!r} is no id of {kind.a_name}; take the id of the last row that was shown.")
    return int(text)
