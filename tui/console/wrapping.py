"""Breaking text by cells: a wide letter is two of them, a combining mark none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells
from textual.content import Content

Pair = tuple[str, str]
"""A name and its value, both safe to show."""

_GAP = 3


def pieces(text: str, width: int, first: int = 0) -> list[str]:
    """A text in pieces that fit, broken between words where there are any; the first may have another width."""
    broken: list[str] = []
    line = ""
    for word in text.split(" "):
        room = width if broken else first or width
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= room:
            line = joined
            continue
        if line:
            broken.append(line)
        *whole, line = chop_cells(word, min(room, width)) if cell_len(word) > min(room, width) else [word]
        broken += whole
    return [*broken, line]


def hanging(text: str, width: int, indent: str = "  ") -> list[str]:
    """A text in lines that fit, those after the first set in."""
    first, *rest = pieces(text, max(4, width - cell_len(indent)), width)
    return [first, *(indent + piece for piece in rest)]


def flowed(pairs: Sequence[Pair], width: int) -> Content:
    """Names and values one after the other, as many to a line as fit; none is torn from its name."""
    lines: list[list[Content]] = [[]]
    used = 0
    for name, value in pairs:
        one = Content.assemble((f"{name} ", "$foreground-muted"), value)
        if lines[-1] and used + _GAP + one.cell_length > width:
            lines.append([])
            used = 0
        used += one.cell_length + (_GAP if lines[-1] else 0)
        lines[-1].append(one)
    return Content("\n").join(Content(" " * _GAP).join(line) for line in lines)


def in_columns(pairs: Sequence[Pair], width: int) -> Content:
    """Names and values in two columns; what is longer than a column has a line of its own."""
    room = (width - _GAP) // 2
    names = max((cell_len(name) for name, _ in pairs), default=0) + 2
    lines: list[Content] = []
    left: Content | None = None
    for name, value in pairs:
        one = Content.assemble((name + " " * (names - cell_len(name)), "$foreground-muted"), value)
        if one.cell_length > room:
            lines += [left] if left is not None else []
            lines.append(one)
            left = None
        elif left is None:
            left = one
        else:
            lines.append(Content.assemble(left, " " * (room + _GAP - left.cell_length), one))
            left = None
    return Content("\n").join([*lines, *([left] if left is not None else [])])
