"""Statements compiled once: on a hot path, building and compiling one anew costs more than the database takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Update
from sqlmodel import Session


@dataclass(frozen=True)
class _Compiled:
    """One statement as one driver takes it."""

    sql: str
    order: tuple[str, ...]
    """The names of the parameters, in the order of their places; empty where the driver takes names."""
    processors: tuple[tuple[str, Callable[[Any], Any]], ...]
    """How values become what the driver takes: times above all."""
    constants: Mapping[str, Any]
    """What the statement says itself."""


class PreparedUpdate:
    """An UPDATE that is run for many rows; what differs between them are its `bindparam`s without a value."""

    def __init__(self, statement: Update) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it for these rows; gives back how many rows of the table were hit."""
        if not rows:
            return 0
        connection = session.connection()
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = _compile(self._statement, connection.dialect)
        hit: int = connection.exec_driver_sql(compiled.sql, _parameters(compiled, rows)).rowcount
        return hit


def _compile(statement: Update, dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    processors = {}
    constants = {}
    for name, bind in compiled.binds.items():
        processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if not bind.required:
            constants[name] = processor(bind.effective_value) if processor else bind.effective_value
        elif processor is not None:
            processors[name] = processor
    order = tuple(compiled.positiontup or ()) if compiled.positional else ()
    return _Compiled(str(compiled), order, tuple(processors.items()), constants)


def _parameters(compiled: _Compiled, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    prepared = [{**compiled.constants, **row} for row in rows]
    for name, process in compiled.processors:
        for row in prepared:
            row[name] = process(row[name])
    if not compiled.order:
        return prepared
    return [tuple([row[name] for name in compiled.order]) for row in prepared]
