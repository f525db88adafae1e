"""Times as a person names them: a day, a month, an hour, `yesterday`, `tuesday`; local, as lists show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

UNDERSTOOD = "2026-11-17, 2026-11, 2026-11-17T14, today, yesterday or tuesday"
"""What is understood, as sentences say it."""

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2})(?::(\d{2}))?)?)?)?", re.ASCII | re.IGNORECASE)
_FIRST = (1, 1, 1, 0, 0)
"""Where a year begins: month, day, hour and minute, as far as they are not said."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST = 3
"""Letters by which a day of the week is known."""


@dataclass(frozen=True)
class Span:
    """A part of time."""

    begin: datetime
    end: datetime
    """The first moment after it."""


def named_span(word: str, now: datetime) -> Span | None:
    """The part of time that a word means, `None` for no such word.

    A day of the week is the last one that has begun by `now`, a local time.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    name = word.lower()
    if name in {"today", "yesterday"}:
        return _day(today - timedelta(days=name == "yesterday"))
    for weekday, day in enumerate(_DAYS):
        if len(name) >= _SHORTEST and day.startswith(name):
            return _day(today - timedelta(days=(today.weekday() - weekday) % 7))
    written = _WRITTEN.fullmatch(word)
    try:
        return _span([int(part) for part in written.groups() if part]) if written else None
    except (ValueError, OverflowError):
        return None


def _span(parts: list[int]) -> Span | None:
    year, month, day, hour, minute = (*parts, *_FIRST[len(parts) :])
    begin = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - local: each end is given its offset below
    match len(parts):
        case 1:
            return _local(begin, begin.replace(year=year + 1))
        case 2:
            return _local(begin, (begin + timedelta(days=31)).replace(day=1))
        case 3:
            return _day(begin)
        case 4:
            return _local(begin, begin + timedelta(hours=1))
    return _local(begin, begin + timedelta(minutes=1))


def _day(begin: datetime) -> Span:
    return _local(begin, begin + timedelta(days=1))


def _local(begin: datetime, end: datetime) -> Span:
    """Each end by the offset that holds there: a day may have 23 hours, or 25."""
    return Span(begin.astimezone(), end.astimezone())
