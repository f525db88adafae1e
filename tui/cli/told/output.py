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

SENTENCE = 24
"""Cells of a line that are left for what is never cut, though it may wrap."""


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


def write_text(text: str, *, indent: str = "") -> None:
    """Lines of data, set in."""
    for line in safe_text(text, multiline=True).split("\n"):
        sys.stdout.write(f"{indent}{line}".rstrip() + "\n")


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


def write_table(
    columns: Sequence[TableColumn],
    rows: Iterable[Mapping[str, Any]],
    *,
    heading: bool = True,
    indent: str = "",
    is_last_whole: bool = False,
) -> None:
    """A plain table, fitted to the terminal, without the last columns where they do not fit; into a pipe all, whole.

    `is_last_whole`: what the last column says is never cut; the terminal wraps it.
    """
    shown = [[_cell(row.get(column.name)) for column in columns] for row in rows]
    labels = [column.label.upper() for column in columns]
    widths = [max(map(cell_len, cells), default=0) for cells in zip(labels, *shown, strict=True)]
    least = [
        _least(column, width, is_name=not place)
        for place, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    line = line_width()
    line = max(line - len(indent), 1) if line else 0
    fitting = _beside_sentence(widths, line, least) if is_last_whole else fitted(widths, line, least)
    for cells in [labels, *shown] if heading else shown:
        sys.stdout.write(f"{indent}{_line(cells, fitting, columns)}\n")


def write_facts(facts: Mapping[str, Any], *, indent: str = "") -> None:
    """One thing, a line a field."""
    width = max((cell_len(name) for name in facts), default=0)
    for name, value in facts.items():
        padding = " " * (width - cell_len(name))
        sys.stdout.write(f"{indent}{safe_text(name)}{padding}{_GAP}{_cell(value)}".rstrip() + "\n")


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


def _beside_sentence(widths: Sequence[int], line: int, least: Sequence[int]) -> list[int]:
    """Widths with the last as it is: the others leave it room to begin on the line."""
    *others, last = widths
    room = line - min(last, SENTENCE) - len(_GAP)
    return [*(fitted(others, max(room, 1), least) if line and others else others), last]


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
