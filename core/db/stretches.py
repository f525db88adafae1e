"""A large table read through a little at a time: no transaction is long, and no more is in memory than a few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Column, Table, func, select

from core.db.doors import Database

ROWS = 20_000
"""Ids in one stretch."""

AT_ONCE = 200
BYTES_AT_ONCE = 8 << 20
"""Messages whose bytes are in memory together, and their bytes, as far as one alone is not larger."""

Tell = Callable[[int, int], None]
"""Told how far it is: so much of so much."""


def stretches(database: Database, key: Column[int]) -> Iterator[tuple[int, int]]:
    """From and to where the ids of a table go, in stretches: the first of each and the last."""
    with database.reading() as session:
        low, high = session.connection().execute(select(func.min(key), func.max(key))).one()
    if low is not None:
        for first in range(low, high + 1, ROWS):
            yield first, min(first + ROWS - 1, high)


def bytes_of_all(database: Database, table: Table, key: Column[int], tell: Tell) -> Iterator[tuple[int, bytes]]:
    """The bytes of all messages in a table, by their ids; each with a short transaction of its own or shared."""
    with database.reading() as session:
        last = session.connection().scalar(select(func.max(key)))
    after: Any = None
    while last is not None and (found := _next(database, table, key, after)):
        yield from found
        after = found[-1][0]
        tell(after, last)


def _next(database: Database, table: Table, key: Column[int], after: int | None) -> list[tuple[int, bytes]]:
    sized = select(key, func.length(table.c.data)).order_by(key).limit(AT_ONCE)
    with database.reading() as session:
        rows = session.connection().execute(sized if after is None else sized.where(key > after)).all()
        ids: list[int] = []
        total = 0
        for one, size in rows:
            total += size
            if ids and total > BYTES_AT_ONCE:
                break
            ids.append(one)
        asked = select(key, table.c.data).where(key.in_(ids)).order_by(key)
        return [(one, bytes(data)) for one, data in session.connection().execute(asked)]
