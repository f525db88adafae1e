"""What a command says: data on stdout, words to a person on stderr, everything safe for a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.cells import cell_len, set_cell_size

from core.text import ELLIPSIS, safe_text
from tui.cli.words.options import Invocation

_GAP = "  "

ENOUGH, NAMING = 8, 16
"""Cells below which a column says nothing, and the first, which tells the rows apart."""


@dataclass(frozen=True)
class TableColumn:
    """One column of a plain table."""

    name: str
    label: str
    is_right: bool = False
    is_whole: bool = False
    """Whether its cells say nothing when they are cut, as times do."""


def write_json(row: Mapping[str, Any]) -> None:
    """One object on a line of its own; ASCII alone, so that no character of it commands a terminal."""
    sys.stdout.write(json.dumps(row, default=_jsonable, ensure_ascii=True, separators=(", ", ": ")) + "\n")


def write_line(text: str) -> None:
    """One line of data."""
    sys.stdout.write(f"{safe_text(text)}\n")


def say(invocation: Invocation, text: str) -> None:
    """Say something to the person who called, unless they asked for quiet."""
    if not invocation.quiet:
        say_failure(text)


def say_failure(text: str) -> None:
    """Say what failed, and why: `--quiet` does not silence it."""
    sys.stderr.write(f"{safe_text(text, multiline=True)}\n")
    sys.stderr.flush()


def write_as_it_is(data: bytes) -> None:
    """Bytes of somebody else: exactly, into a file or pipe; on a terminal, which they could command, as safe text."""
    if sys.stdout.isatty():
        sys.stdout.write(safe_text(data.decode("utf-8", "replace"), multiline=True))
    else:
        sys.stdout.buffer.write(data)
    sys.stdout.flush()


def write_table(columns: Sequence[TableColumn], rows: Iterable[Mapping[str, Any]], *, heading: bool = True) -> None:
    """A plain table, fitted to the terminal, without the last columns where they do not fit; into a pipe all, whole."""
    shown = [[_cell(row.get(column.name)) for column in columns] for row in rows]
    labels = [column.label.upper() for column in columns]
    widths = [max(map(cell_len, cells), default=0) for cells in zip(labels, *shown, strict=True)]
    least = [
        _least(column, width, is_name=not place)
        for place, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    widths = fitted(widths, line_width(), least)
    for cells in [labels, *shown] if heading else shown:
        sys.stdout.write(_line(cells, widths, columns) + "\n")


def write_details(row: Mapping[str, Any]) -> None:
    """One thing, a line a field; lists of things are indented below their name."""
    width = max((cell_len(name) for name in row), default=0)
    for name, value in row.items():
        if _are_things(value):
            _write_things(name, value, "")
        else:
            sys.stdout.write(f"{name:<{width}}  {_cell(value)}\n".rstrip() + "\n")


def _write_things(name: str, things: Sequence[Mapping[str, Any]], indent: str) -> None:
    """A line each, and below it the things that it has itself."""
    sys.stdout.write(f"{indent}{name}\n")
    for one in things:
        plain = {key: value for key, value in one.items() if value not in (None, "") and not _are_things(value)}
        sys.stdout.write(f"{indent}  {_GAP.join(f'{key}={_cell(value)}' for key, value in plain.items())}\n")
        for key, value in one.items():
            if _are_things(value):
                _write_things(key, value, f"{indent}    ")


def _are_things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def line_width() -> int:
    """The cells of a line: the terminal's, or what COLUMNS says; 0 where nothing bounds it."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return shutil.get_terminal_size((80, 24)).columns
    return 0


def fitted(widths: Sequence[int], line: int, least: Sequence[int]) -> list[int]:
    """Column widths that fit a line: the widest give first, none below its least; the last are 0 if need be."""
    shown = len(widths)
    while line and shown > 1 and sum(least[:shown]) + len(_GAP) * (shown - 1) > line:
        shown -= 1
    fitting = list(widths[:shown])
    while line and sum(fitting) + len(_GAP) * (shown - 1) > line:
        index = max(range(shown), key=lambda place: (fitting[place] > least[place], fitting[place]))
        if fitting[index] <= least[index]:
            break
        fitting[index] -= 1
    return fitting + [0] * (len(widths) - shown)


def _least(column: TableColumn, width: int, *, is_name: bool) -> int:
    enough = width if column.is_whole else NAMING if is_name else ENOUGH
    return min(width, max(cell_len(column.label), enough))


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[TableColumn]) -> str:
    padded = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        if not width:
            continue
        text = cell if cell_len(cell) <= width else set_cell_size(cell, max(width - 1, 0)) + ELLIPSIS
        padding = " " * (width - cell_len(text))
        padded.append(padding + text if column.is_right else text + padding)
    return _GAP.join(padded).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return safe_text(", ".join(value))
    if isinstance(value, Mapping | list | tuple):
        return safe_text(json.dumps(value, default=_jsonable, ensure_ascii=False))
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return safe_text(str(value))


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
