"""Fields of a record type as data: each with the rule by which a message fills it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from core.inbound.control_headers import DYNAMIC_FIELD
from core.mail.dates import read_date
from core.mail.summary import Summary
from core.text import bounded, clean

LONGEST_VALUE = 1000
"""Characters kept of a value of one line."""

LONGEST_TEXT = 10_000
"""Characters kept of a value of several lines."""

_LONGEST_BODY = 64 * 1024
_MOST_LINES = 2000
_LABELLED = re.compile(r"[ \t*_]*+(?P<label>[^\W\d_][\w \t/'-]{0,60}?)[ \t*_]{0,20}:[*_]{0,4}(?P<value>[^\n]*)")
_SEPARATORS = re.compile(r"[\s_-]+")


class Shape(StrEnum):
    """What a field's value looks like."""

    LINE = "line"
    """The rest of its line, or the next line where that is empty."""
    TEXT = "text"
    """From there to the next blank line, or the next label."""
    DATE = "date"
    """A day, kept as YYYY-MM-DD."""


class Fallback(StrEnum):
    """What a field holds of a message that does not say."""

    NOTHING = "nothing"
    """It stays empty: nobody is better served by a guess."""
    SENDER = "sender"
    """The From field, name and address."""
    SUBJECT = "subject"
    """The subject."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field: what it is called, and how a message fills it.

    First counts the control header `X-Postroom-DynamicField-NAME`, of a trusted message or set by a filter; then the
    first line of the body that begins with a label and a colon, in any case, quoted text left out; then the fallback.
    """

    name: str
    """As it is stored, and as the control header ends; without spaces."""
    help: str
    """What it is for, as a sentence."""
    labels: tuple[str, ...]
    """What may stand before the colon: any case; spaces, hyphens and underscores are the same."""
    shape: Shape = Shape.LINE
    fallback: Fallback = Fallback.NOTHING

    @property
    def header(self) -> str:
        """The control header that fills it."""
        return f"X-Postroom-{DYNAMIC_FIELD}{self.name}"


def labelled_values(rules: tuple[FieldRule, ...], body: str) -> dict[str, str]:
    """The values that stand behind the fields' labels in a body, as they are written."""
    by_label = {_same(label): rule for rule in rules for label in (rule.name, *rule.labels)}
    lines = body[:_LONGEST_BODY].split("\n")[:_MOST_LINES]
    values: dict[str, str] = {}
    for place, line in enumerate(lines):
        found = _label_of(line, by_label)
        if found is None or found[0].name in values:
            continue
        rule, value = found
        if value := _whole_value(rule, value, lines[place + 1 :], by_label):
            values[rule.name] = value
    return values


def read_day(text: str, received_at: datetime) -> date | None:
    """A day as people write it; of 03/04/2026 the day comes first where that can be. `None` if it is none."""
    text = text.strip().rstrip(".")[:100]
    if text.lower() in _RELATIVE_DAYS:
        return received_at.date() - timedelta(days=_RELATIVE_DAYS[text.lower()])
    if numbers := _YEAR_FIRST.match(text):
        return _day(numbers["year"], numbers["month"], numbers["day"])
    if numbers := _YEAR_LAST.match(text):
        first, second, year = numbers["first"], numbers["second"], numbers["year"]
        return _day(year, second, first) or _day(year, first, second)
    if words := _DAY_MONTH_YEAR.match(text) or _MONTH_DAY_YEAR.match(text):
        moment = read_date(f"{words['day']} {words['month']} {words['year']} 00:00")
        return moment.date() if moment is not None else None
    return None


def fallback_value(fallback: Fallback, summary: Summary) -> str:
    """What a message without the field's label gives it."""
    match fallback:
        case Fallback.SENDER:
            return summary.header_from
        case Fallback.SUBJECT:
            return summary.subject
        case Fallback.NOTHING:
            return ""


_RELATIVE_DAYS = {"today": 0, "yesterday": 1}
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?P<first>\d{1,2})[-/.] ?(?P<second>\d{1,2})[-/.] ?(?P<year>\d{4})(?!\d)")
_DAY_MONTH_YEAR = re.compile(
    r"(?:[^\W\d]+\.?,?\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<month>[A-Za-z]{3})[a-z]*\.?,?\s+(?P<year>\d{4})"
)
_MONTH_DAY_YEAR = re.compile(
    r"(?:[^\W\d]+\.?,\s+)?(?P<month>[A-Za-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})"
)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if 1900 <= found.year <= 2100 else None


def _same(label: str) -> str:
    return _SEPARATORS.sub(" ", label).strip().casefold()


def _label_of(line: str, by_label: Mapping[str, FieldRule]) -> tuple[FieldRule, str] | None:
    """The field whose label a line begins with, and what follows the colon."""
    found = _LABELLED.match(line)
    rule = by_label.get(_same(found["label"])) if found else None
    return (rule, found["value"].strip()) if found and rule else None


def _whole_value(rule: FieldRule, value: str, following: list[str], by_label: Mapping[str, FieldRule]) -> str:
    taken = [value] if value else []
    for line in following:
        # Web forms put the value below its label; a text goes on to the next blank line.
        if (taken and rule.shape is not Shape.TEXT) or _label_of(line, by_label) is not None:
            break
        if line.strip():
            taken.append(line.strip())
        elif taken:
            break
    longest = LONGEST_TEXT if rule.shape is Shape.TEXT else LONGEST_VALUE
    return bounded(clean("\n".join(taken), multiline=True).strip(), longest)
