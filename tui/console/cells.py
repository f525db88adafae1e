"""A column's value as the words of a cell: always safe to show, never markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from core import clock
from core.resources.in_words import in_words
from core.resources.kind import ColumnType
from core.text import safe_text
from tui.console.glyphs import sign_of
from tui.sizes import size

_DAY = 86_400

FAR = 300 * _DAY
"""Seconds from which a day and a month do not say enough: they might be of another year."""

_UNITS = ((_DAY, "d"), (3600, "h"), (60, "min"))


class Heading(Protocol):
    """What a column says of itself: a kind's columns do, and those of special tables."""

    @property
    def name(self) -> str:
        """By which rows hold its value."""

    @property
    def label(self) -> str:
        """As it is headed."""

    @property
    def type(self) -> ColumnType:
        """How a value is shown."""

    @property
    def width(self) -> int:
        """Cells at 80 columns; 0 outside of tables."""


@dataclass(frozen=True)
class Plain:
    """A column of a table that no kind describes."""

    name: str
    label: str
    width: int
    type: ColumnType = ColumnType.TEXT


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    tone: str = ""
    """Empty, or a tone of `glyphs`: the stylesheet gives it a colour."""
    is_right: bool = False
    """Whether it is aligned to the right, as numbers are."""


def cell(column: Heading, value: Any, *, now: datetime | None = None) -> Cell:
    """The cell for a value of that column."""
    match column.type:
        case ColumnType.STATE:
            sign = sign_of(str(value or ""))
            word = (
                sign.short if sign.short and column.width and len(str(value)) > column.width - 2 else str(value or "")
            )
            return Cell(f"{sign.glyph} {safe_text(word)}" if word else "", sign.tone)
        case ColumnType.NUMBER:
            # Ungrouped: most are ids and ports.
            return Cell(words(value), is_right=True)
        case ColumnType.SIZE:
            return Cell(size(value), is_right=True)
        case ColumnType.YES_NO:
            return Cell("✓" if value else "–")
        case ColumnType.TIME:
            return Cell(moment(value, now or clock.utcnow(), column.width))
    return Cell(told(value))


def words(value: Any) -> str:
    """Any value as one safe line."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = local_moment(value)
        case str():
            text = value
        case Mapping():
            text = json.dumps(value, ensure_ascii=False, default=str)
        case list() | tuple():
            text = ", ".join(words(one) for one in value)
        case _:
            text = str(value)
    return safe_text(text)


def told(value: Any) -> str:
    """A filter's conditions, or what it sets, as one safe line; anything else as its words."""
    text = in_words(value)
    return words(value) if text is None else safe_text(text)


def grouped(value: Any) -> str:
    """A number with its thousands apart."""
    return f"{value:,}".replace(",", " ") if isinstance(value, int) and not isinstance(value, bool) else words(value)


def moment(value: Any, now: datetime, width: int = 0) -> str:
    """A time, as much of it as a column of that width can hold: from `8 min` to the whole."""
    if not isinstance(value, datetime):
        return ""
    local, away = value.astimezone(), abs((now - value).total_seconds())
    if 0 < width < 8:
        return span((value - now).total_seconds())
    if 0 < width < 14:
        return f"{local:%H:%M:%S}" if away < _DAY / 2 else f"{local:%d %b}" if away < FAR else f"{local:%b %Y}"
    if width:
        return f"{local:%m-%d %H:%M:%S}" if away < FAR else f"{local:%Y-%m-%d}"
    return local_moment(value, now)


def local_moment(value: datetime, now: datetime | None = None) -> str:
    """A time as pages give it: local, with its day where that is not today; the page tells the zone once."""
    local = value.astimezone()
    is_today = local.date() == (now or clock.utcnow()).astimezone().date()
    return f"{local:%H:%M:%S}" if is_today else f"{local:%Y-%m-%d %H:%M:%S}"


def whole_moment(value: datetime) -> str:
    """A time with its day and zone, for whoever is elsewhere."""
    return f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def zone() -> str:
    """The zone of the times that are shown."""
    return f"{clock.utcnow().astimezone():%Z}"


def span(seconds: float) -> str:
    """How far away a time is, in five cells: `8 min`; `now` when it has come."""
    if seconds < 1:
        return "now"
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
