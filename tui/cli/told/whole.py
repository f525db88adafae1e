"""One thing as `show` prints it: its fields, a line each, and below them what hangs on it, as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.resources.catalogue import kind_named
from core.resources.json_rows import moment_in
from core.resources.kind import ColumnType, FieldType, Kind
from core.resources.values import write_value
from tui.cli.told.output import TableColumn, write_facts, write_line, write_table
from tui.cli.told.row_cells import in_zone, shown_cells, table_columns, zone
from tui.sizes import size
from tui.untried import value_in

_INDENT = "  "
_KINDS = {"messages": "message", "events": "event", "replies": "outbox"}
"""What hangs on a thing and is of a kind, which says what its table shows."""

_SENTENCES = {"text", "why"}

_TIMES = re.compile(r"(?:\w+_)?(?:at|until|expires)|date")
"""What is called so holds a time; a subject or a comment that looks like one is what somebody wrote."""

Things = Sequence[Mapping[str, Any]]


def write_whole(kind: Kind, whole: Mapping[str, Any]) -> None:
    """Print it; `whole` is what JSON gives."""
    told = {name: _with_moments(name, value) for name, value in shown_whole(kind, whole).items()}
    write_facts({name: _fact(value) for name, value in told.items() if not _is_below(value)})
    for name, value in told.items():
        if _are_things(value):
            write_line(name)
            _write_things(name, value)
        elif _is_below(value):
            write_line(name)
            write_facts(value, indent=_INDENT)


def shown_whole(kind: Kind, whole: Mapping[str, Any]) -> dict[str, Any]:
    """What `show` tells of a row, with durations and sizes as one writes them."""
    told = {name: value_in(whole, name) for name in whole}
    for column in kind.columns:
        if column.type is ColumnType.SIZE and column.name in told:
            told[column.name] = size(told[column.name])
    for field in kind.fields:
        value = whole.get(field.name)
        if field.type is FieldType.DURATION and value is not None:
            told[field.name] = write_value(field, value / 1000)  # told in milliseconds, kept in seconds
        elif field.type is FieldType.SIZE and value is not None:
            told[field.name] = write_value(field, value)
    return told


def _with_moments(name: str, value: Any) -> Any:
    if _are_things(value):
        return [{key: _with_moments(key, one) for key, one in thing.items()} for thing in value]
    return (moment_in(value) or value) if _TIMES.fullmatch(name) else value


def _fact(value: Any) -> Any:
    return f"{in_zone(value)} {zone()}" if isinstance(value, datetime) else "" if value in ([], {}) else value


def _write_things(name: str, things: Things) -> None:
    kind = kind_named(_KINDS[name]) if name in _KINDS else None
    if kind is None:
        columns, rows = _columns(things), [_cells(one) for one in things]
    else:
        columns = [one for one in table_columns(kind) if any(one.name in thing for thing in things)]
        rows = [shown_cells(kind, one) for one in things]
    write_table(columns, rows, indent=_INDENT, is_last_whole=True)


def _columns(things: Things) -> list[TableColumn]:
    """What any of them has to tell, in their order, but sentences last."""
    told = dict.fromkeys(name for one in things for name, value in one.items() if _tells(value))
    names = sorted(told, key=lambda name: name in _SENTENCES)
    return [_column(name, [one.get(name) for one in things]) for name in names]


def _column(name: str, values: Iterable[Any]) -> TableColumn:
    told = [value for value in values if value is not None]
    is_time = any(isinstance(value, datetime) for value in told)
    is_right = all(isinstance(value, int | float) and not isinstance(value, bool) for value in told)
    label = name.replace("_", " ")
    return TableColumn(name, f"{label} ({zone()})" if is_time else label, is_right, is_whole=is_time)


def _cells(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {name: in_zone(value) if isinstance(value, datetime) else value for name, value in thing.items()}


def _tells(value: Any) -> bool:
    return value not in (None, "", [], {}) and not _are_things(value)


def _is_below(value: Any) -> bool:
    return (isinstance(value, Mapping) and bool(value)) or _are_things(value)


def _are_things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
