"""Writing many rows at once, and numbers for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam
from sqlalchemy import insert as plain_insert
from sqlmodel import Session, SQLModel

from core.db.alike import dialect_of
from core.db.copied import copy_rows, is_copied
from core.models import Counter

MOST_PARAMETERS = 2000
"""Values bound by one statement; SQLite takes at least 32,766."""


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in one statement execution; all rows have the same columns, and those are all they need."""
    if rows:
        insert_into(session.connection(), table_of(model), rows)


def insert_into(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same where there is no session: one row at least."""
    names = tuple(rows[0])
    insertion = _insertion(connection.dialect, table, names)
    if insertion.is_positional:
        # One statement for many rows: the driver gives up the interpreter's lock for each statement it steps, and
        # while another thread computes, getting it back takes longer than a row does.
        most = MOST_PARAMETERS // len(names)
        for start in range(0, len(rows), most):
            chunk = insertion.in_places(rows[start : start + most])
            connection.exec_driver_sql(insertion.for_rows(len(chunk)), tuple(chain.from_iterable(chunk)))
    elif is_copied(table, names, values := insertion.in_places(rows)):
        copy_rows(connection, table, names, values)
    else:
        connection.exec_driver_sql(insertion.sql, insertion.named(rows))


@dataclass(frozen=True)
class _Insertion:
    """An INSERT compiled once: compiling and binding anew for each batch costs more than SQLite takes to insert."""

    sql: str
    is_positional: bool
    """Whether the driver takes parameters by their places, not by names."""
    taken: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """A row's values in the order of the parameters, or of the names of its columns."""
    by_place: tuple[tuple[int, Callable[[Any], Any]], ...]
    """How the values at some places become what the driver takes: times, JSON, bytes."""
    by_name: tuple[tuple[str, Callable[[Any], Any]], ...]

    def for_rows(self, count: int) -> str:
        """The statement that inserts so many rows at once."""
        head, _, row = self.sql.rpartition("VALUES ")
        return f"{head}VALUES {', '.join([row] * count)}"

    def named(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows as the driver takes them by name."""
        return [{**row, **{name: process(row[name]) for name, process in self.by_name}} for row in rows]

    def in_places(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """The rows as the driver takes them in order."""
        if not self.by_place:
            return list(map(self.taken, rows))
        prepared = [list(values) for values in map(self.taken, rows)]
        for values in prepared:
            for place, process in self.by_place:
                values[place] = process(values[place])
        return list(map(tuple, prepared))


@lru_cache(maxsize=64)
def _insertion(dialect: Dialect, table: Table, names: tuple[str, ...]) -> _Insertion:
    compiled = plain_insert(table).compile(dialect=dialect, column_keys=list(names))
    found = ((name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
    by_name = tuple((name, process) for name, process in found if process is not None)
    is_positional = bool(compiled.positional)
    order = list(compiled.positiontup or ()) if is_positional else list(names)
    by_place = tuple((order.index(name), process) for name, process in by_name)
    # With a single column itemgetter gives a bare value.
    taken = itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
    return _Insertion(str(compiled), is_positional, taken, by_place, by_name)


def insert_missing(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows whose keys are not there yet; a duplicate is a skip."""
    if rows:
        statement = dialect_insert(dialect_of(session), model).on_conflict_do_nothing()
        session.connection().execute(statement, list(rows))


def upsert(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite the columns given where the primary key is there already."""
    if rows:
        session.connection().execute(_upsertion(dialect_of(session), model, tuple(rows[0])), list(rows))


def reserve(session: Session, counter: str, count: int) -> int:
    """Take the next `count` numbers of a counter and return the first; gaps are allowed, repeats are not."""
    return reserve_all(session, {counter: count})[counter]


def reserve_all(session: Session, counts: Mapping[str, int]) -> dict[str, int]:
    """The same for several counters, in one statement."""
    connection = session.connection()
    sql, order = _reservation(connection.dialect, len(counts))
    given = {
        f"{what}{place}": value
        for place, (counter, count) in enumerate(counts.items())
        for what, value in (("counter", counter), ("count", count))
    }
    taken = connection.exec_driver_sql(sql, tuple(given[name] for name in order) if order else given)
    return {name: value - counts[name] + 1 for name, value in taken}


# Statements that each batch executes are made once: SQLAlchemy then finds what it compiled at once.


@lru_cache(maxsize=64)
def _upsertion(dialect: str, model: type[SQLModel], names: tuple[str, ...]) -> Any:
    keys = [column.name for column in table_of(model).primary_key]
    statement = dialect_insert(dialect, model)
    changed = {name: getattr(statement.excluded, name) for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@lru_cache(maxsize=8)
def _reservation(dialect: Dialect, counters: int) -> tuple[str, tuple[str, ...]]:
    """As the driver takes it, with the order of the parameters where it takes them by position.

    SQLAlchemy keeps no statement of many VALUES: it would compile it anew each time.
    """
    table = table_of(Counter)
    rows: Any = [
        {"name": bindparam(f"counter{place}"), "value": bindparam(f"count{place}")} for place in range(counters)
    ]
    statement = dialect_insert(dialect.name, Counter).values(rows)
    grown = {"value": table.c.value + statement.excluded.value}
    returning = statement.on_conflict_do_update(index_elements=["name"], set_=grown).returning(
        table.c.name, table.c.value
    )
    compiled = returning.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ())


def dialect_insert(dialect: str, model: type[SQLModel]) -> Any:
    """An INSERT of this engine's own kind, which knows ON CONFLICT."""
    module = import_module(f"sqlalchemy.dialects.{dialect}")  # only the one in use: a dialect takes 20 ms
    return module.insert(table_of(model))
