"""An UPDATE of many rows as one statement, compiled once.

On a hot path, building and compiling a statement anew costs more than the database takes; and the driver gives up the
interpreter's lock for each statement that it steps, to get it back only when another thread lets go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Column, Dialect, TableClause, Update, column, table
from sqlmodel import Session

from core.db.bulk import MOST_PARAMETERS

_GIVEN = "given"
_FROM = f" FROM {_GIVEN} "

Values = Mapping[str, Any]
Processor = Callable[[Any], Any]


def given(*columns: Column[Any]) -> TableClause:
    """The rows that an update is given, as a table to join with: of each row what these columns are to be."""
    return table(_GIVEN, *(column(each.name, each.type) for each in columns))


class PreparedUpdate:
    """An UPDATE that is run for many rows: `rows` say where they differ, its `bindparam`s what is the same for all."""

    def __init__(self, statement: Update, rows: TableClause) -> None:
        self._statement = statement
        self._rows = rows
        self._compiled: dict[str, _Compiled] = {}

    def run(self, session: Session, rows: Sequence[tuple[Any, ...]], **same: Any) -> int:
        """Run it for these rows, their values in the order of `given`; gives back how many rows of the table were hit.

        A row that is given twice counts once.
        """
        if not rows:
            return 0
        connection = session.connection()
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = _compile(
                self._statement, self._rows, connection.dialect
            )
        values = compiled.values_of(same)
        hit = 0
        for chunk in compiled.chunks(rows):
            sql, parameters = compiled.for_rows(chunk, values)
            hit += connection.exec_driver_sql(sql, parameters).rowcount
        return hit


@dataclass(frozen=True)
class _Compiled:
    """One statement as one driver takes it."""

    head: str
    """What stands before the given rows."""
    tail: str
    is_positional: bool
    """Whether the driver takes parameters by their places, not by names."""
    order: tuple[str, ...]
    """The names of the parameters in the order of their places."""
    in_head: int
    """How many of those stand in the head."""
    processors: Mapping[str, Processor]
    """How values become what the driver takes: times above all."""
    constants: Values
    """What the statement says itself."""
    names: str
    """What the given columns are called."""
    row: str
    """The places of a row's values; where the driver takes names, the columns as arrays."""
    width: int
    """How many values a row has."""
    row_processors: tuple[tuple[int, Processor], ...]

    def values_of(self, same: Values) -> Values:
        """What is the same for all rows, as the driver takes it."""
        told = {
            name: self.processors[name](value) if name in self.processors else value for name, value in same.items()
        }
        return {**self.constants, **told}

    def chunks(self, rows: Sequence[tuple[Any, ...]]) -> list[Sequence[tuple[Any, ...]]]:
        """The rows as they are given to one statement each."""
        if self.row_processors:
            rows = [self._processed(row) for row in rows]
        most = MOST_PARAMETERS // self.width
        return [rows[start : start + most] for start in range(0, len(rows), most)]

    def for_rows(self, rows: Sequence[tuple[Any, ...]], values: Values) -> tuple[str, Any]:
        """The statement for so many rows, and its parameters."""
        if self.is_positional:
            values_of_rows = ", ".join([self.row] * len(rows))
            source = f"(SELECT {self.names} FROM (VALUES {values_of_rows})) AS {_GIVEN}"  # noqa: S608 - places alone
            before = [values[name] for name in self.order[: self.in_head]]
            after = [values[name] for name in self.order[self.in_head :]]
            return f"{self.head} FROM {source} {self.tail}", (*before, *chain.from_iterable(rows), *after)
        columns = {f"{_GIVEN}_{place}": list(each) for place, each in enumerate(zip(*rows, strict=True))}
        return f"{self.head} FROM unnest({self.row}) AS {_GIVEN}({self.names}) {self.tail}", {**values, **columns}

    def _processed(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, process in self.row_processors:
            values[place] = process(values[place])
        return tuple(values)


def _compile(statement: Update, rows: TableClause, dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    processors: dict[str, Processor] = {}
    constants: dict[str, Any] = {}
    for name, bind in compiled.binds.items():
        processor = _processor_of(bind.type, dialect)
        if not bind.required:
            constants[name] = processor(bind.effective_value) if processor else bind.effective_value
        elif processor is not None:
            processors[name] = processor
    head, found, tail = str(compiled).replace("\n", " ").partition(_FROM)
    assert found, "the statement does not join with the given rows"
    is_positional = bool(compiled.positional)
    columns = list(enumerate(rows.c))
    if is_positional:
        names = ", ".join(f"column{place + 1} AS {each.name}" for place, each in columns)
        row = f"({', '.join('?' * len(columns))})"
    else:
        names = ", ".join(each.name for _, each in columns)
        row = ", ".join(f"%({_GIVEN}_{place})s::{each.type.compile(dialect)}[]" for place, each in columns)
    of_rows = ((place, _processor_of(each.type, dialect)) for place, each in columns)
    return _Compiled(
        head,
        tail,
        is_positional,
        tuple(compiled.positiontup or ()) if is_positional else (),
        head.count("?"),
        processors,
        constants,
        names,
        row,
        len(columns),
        tuple((place, process) for place, process in of_rows if process is not None),
    )


def _processor_of(kind: Any, dialect: Dialect) -> Processor | None:
    found: Processor | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found
