"""Many rows into a table of PostgreSQL by COPY, its binary format ("COPY" and "COPY Operations" in its manual).

An INSERT for each costs the driver four times as much of a processor, and the server a third more: it puts rows that
come by COPY into a page together.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Dialect, Engine, Integer, Table, event

from core.db.roles import LOOKED_AT_BY_ROW

FEWEST = 8
"""Of fewer rows the server's answer that it is ready for them costs more than they do."""

_TYPES = "copied_types"


def is_copied(table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether these rows, their values in the order of `names`, come by COPY.

    The server refuses it where rows have policies; and of a number that is too large for its column the driver would
    write the lower half, which an INSERT has the server refuse.
    """
    return len(rows) >= FEWEST and table.name not in LOOKED_AT_BY_ROW and _fit(_numbers(table, names), rows)


def _fit(numbers: Sequence[tuple[int, str]], rows: Sequence[tuple[Any, ...]]) -> bool:
    try:
        for place, code in numbers:
            array(code, [row[place] for row in rows if row[place] is not None])
    except OverflowError:
        return False
    return True


@lru_cache(maxsize=64)
def _numbers(table: Table, names: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """The places of whole numbers, and the code of an array of such ones."""
    kinds = ((place, table.c[name].type) for place, name in enumerate(names))
    return tuple(
        (place, "q" if isinstance(kind, BigInteger) else "i") for place, kind in kinds if isinstance(kind, Integer)
    )


def understand_copies(engine: Engine) -> None:
    """Have this engine, of PostgreSQL, understand `copy_rows`; what goes wrong is told as with any other statement."""
    event.listen(engine, "do_executemany", _copy)


def copy_rows(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, `FEWEST` at least, of which the values stand in the order of `names` and are as the driver takes
    them.
    """
    copying = _copying(connection.dialect, table, names)
    connection.exec_driver_sql(copying.sql, list(rows), execution_options={_TYPES: copying.types})


class _Copying(NamedTuple):
    """A COPY made once."""

    sql: str
    types: tuple[str, ...]
    """Of the columns: the binary format knows no casts."""


@lru_cache(maxsize=64)
def _copying(dialect: Dialect, table: Table, names: tuple[str, ...]) -> _Copying:
    quoted = dialect.identifier_preparer.quote
    columns = ", ".join(quoted(name) for name in names)
    types = tuple(_type_of(table.c[name].type.compile(dialect=dialect)) for name in names)
    return _Copying(f"COPY {quoted(table.name)} ({columns}) FROM STDIN (FORMAT BINARY)", types)


def _type_of(name: str) -> str:
    """What the driver calls a type."""
    return "float8" if name == "FLOAT" else name.lower()


def _copy(cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]], context: Any) -> bool:
    types = context.execution_options.get(_TYPES)
    if types is None:
        return False
    with cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
    return True
