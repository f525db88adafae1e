"""Copying everything from one database into an empty other one, whatever their engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    LargeBinary,
    Table,
    bindparam,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from core.db.backup import refuse_taken
from core.db.bulk import insert_into
from core.db.engine import make_engine
from core.db.faults import translated
from core.db.schema import create_all, make_sqlite
from core.db.server import place_of
from core.environment import spelled
from core.errors import BadInput, ConfigurationError, StoreRefused
from core.models import metadata

ROWS_AT_ONCE = 500
"""Rows carried over in one step."""

RAW_AT_ONCE = 8
"""Of tables that hold bytes: a message may have 32 MiB of them."""


@dataclass(frozen=True)
class Transferred:
    """What was carried over."""

    rows: dict[str, int]
    """How many rows of each table; both sides were counted."""

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())


def transfer(
    source_url: str, target_url: str, told: Callable[[str, int], None] = lambda _table, _rows: None
) -> Transferred:
    """Copy all tables, in one transaction of the target: it ends whole or as empty as it was.

    Args:
        source_url: the database to copy, of this version's revision; nobody writes to it meanwhile.
        target_url: `postgresql://…`, or `sqlite:///…` for a file that is not there yet.
        told: is given each table and its rows as they have been copied.

    Raises:
        BadInput: the target is not empty, or is the source.
        CannotWrite: the target's file is there already.
        StoreError: one of the two failed; the target is as it was.
    """
    if source_url == target_url:
        raise BadInput("The database cannot be copied onto itself. Name another one.")
    source = make_engine(source_url, query_only=True)
    target = _open_target(target_url)
    is_done = False
    try:
        with source.connect() as reading, target.connect() as writing:
            _begin(reading, writing)
            _refuse_rows(writing, target_url)
            if writing.dialect.name == "postgresql" and not inspect(writing).has_table("alembic_version"):
                create_all(writing)
            counts = {}
            for table in metadata.sorted_tables:
                counts[table.name] = _copy_table(reading, writing, table)
                told(table.name, counts[table.name])
            _compare(reading, writing, counts)
            writing.commit()
            is_done = True
        return Transferred(counts)
    except DBAPIError as error:
        raise translated(error) from error
    finally:
        source.dispose()
        target.dispose()
        if not is_done and target_url.startswith("sqlite"):
            _target_file(target_url).unlink(missing_ok=True)  # made just now, and closed


def _open_target(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        file = _target_file(url)
        refuse_taken(file)
        make_sqlite(file, anew=True)
    elif not url.startswith(("postgresql://", "postgres://")):
        raise BadInput("The database to copy to is written postgresql://… or sqlite:///PATH.")
    try:
        return make_engine(spelled(url), query_only=False)
    except ConfigurationError as error:
        raise BadInput(str(error)) from error


def _target_file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _begin(reading: Connection, writing: Connection) -> None:
    if reading.dialect.name == "postgresql":
        reading.execution_options(isolation_level="REPEATABLE READ")
    else:
        reading.exec_driver_sql("BEGIN")
    if writing.dialect.name == "sqlite":
        writing.exec_driver_sql("BEGIN IMMEDIATE")


def _refuse_rows(writing: Connection, url: str) -> None:
    there = set(inspect(writing).get_table_names())
    ours = [table for table in metadata.sorted_tables if table.name in there]
    filled = [table.name for table in ours if writing.execute(select(func.count()).select_from(table)).scalar()]
    strangers = there - set(metadata.tables) - {"alembic_version"}
    if filled or strangers:
        what = (
            f"holds rows of {', '.join(filled)}" if filled else f"holds other tables ({', '.join(sorted(strangers))})"
        )
        raise BadInput(f"The database {place_of(url)} {what}, and was left as it is. Copy into an empty one.")


def _copy_table(reading: Connection, writing: Connection, table: Table) -> int:
    looped = [key.parent for key in table.foreign_keys if key.column.table is table]
    at_once = RAW_AT_ONCE if any(isinstance(column.type, LargeBinary) for column in table.c) else ROWS_AT_ONCE
    rows = reading.execute(select(table), execution_options={"yield_per": at_once}).mappings()
    count, later = 0, []
    for batch in rows.partitions(at_once):
        values = [dict(row) for row in batch]
        # A row may refer to one of its own table that comes after it.
        later += [row for row in values if any(row[column.name] is not None for column in looped)]
        insert_into(writing, table, [{**row, **{column.name: None for column in looped}} for row in values])
        count += len(values)
    if later:
        _set_loops(writing, table, looped, later)
    if writing.dialect.name == "postgresql":
        _set_sequences(writing, table)
    return count


def _set_loops(
    writing: Connection, table: Table, looped: Sequence[Column[Any]], rows: Sequence[dict[str, Any]]
) -> None:
    (key,) = table.primary_key
    values: dict[str, Any] = {column.name: bindparam(f"to_{column.name}") for column in looped}
    statement = update(table).where(key == bindparam("row_key")).values(values)
    given = [{"row_key": row[key.name], **{f"to_{column.name}": row[column.name] for column in looped}} for row in rows]
    writing.execute(statement, given)


def _set_sequences(writing: Connection, table: Table) -> None:
    # The rows came with their ids: the counters that give the next ones know nothing of them.
    for column in table.primary_key:
        name = writing.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
        if name is not None:
            highest = select(func.coalesce(func.max(column), 0)).scalar_subquery()
            writing.execute(select(func.setval(name, highest + 1, text("false"))))


def _compare(reading: Connection, writing: Connection, counts: dict[str, int]) -> None:
    for table in metadata.sorted_tables:
        count = select(func.count()).select_from(table)
        there, here = writing.execute(count).scalar(), reading.execute(count).scalar()
        if not there == here == counts[table.name]:
            raise StoreRefused(f"Table {table.name} has {here} rows, but {there} came over; nothing was copied.")
