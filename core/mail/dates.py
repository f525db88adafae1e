"""Dates in header fields (RFC 5322 3.3), with the forms that mail really holds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "WEST": 1, "BST": 1, "CET": 1, "MET": 1, "MEZ": 1, "CEST": 2, "MEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "HKT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Zones by name, in hours; any other name means that the zone is not known (RFC 5322 4.3) and counts as UTC."""

_LONGEST_DATE = 128
# A comment may stand before it (RFC 5322 3.3); programs write `+02:00`, `+02` and `GMT+0200`.
_ZONE = r"(?:\s*(?:\([^()]*\)\s*)?(?:GMT|UTC?)?(?P<zone>[+-]\d{2}(?::?\d{2})?\b|[A-Za-z]{1,5}\b))?"
_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.\d+)?)?"
# Where the year cannot follow any more, four digits are a zone without its sign, if there is such a zone.
_RFC5322 = re.compile(
    r"(?:[^\d\s,]+,?)?\s*(?P<day>\d{1,2})[\s.,-]+(?P<month>[A-Za-z]{3})[a-z.]*[\s-]+(?P<year>\d{2,4}),?\s+"
    + _TIME
    + _ZONE.replace("[+-]", r"(?:[+-]|(?=0\d{3}|1[0-4]\d\d))", 1)
)
_CTIME = re.compile(
    rf"(?:[A-Za-z]+,?\s+)?(?P<month>[A-Za-z]{{3}})[a-z.]*\s+(?P<day>\d{{1,2}}),?\s+(?:(?P<early_year>\d{{4}})\s+)?"
    rf"{_TIME}{_ZONE}(?:\s+(?P<late_year>\d{{4}}))?"
)
_COMMENT = re.compile(r"\([^()]*\)")
_SPACED_COLON = re.compile(r"\s*:\s*")
_TWELVE_HOURS = re.compile(r"(?<![\d:.])(\d{1,2})([:.]\d{2}(?:[:.]\d{2})?(?:\.\d+)?)\s*([ap])m\b", re.IGNORECASE)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


def read_date(value: str | None) -> datetime | None:
    """The moment a date field names, in UTC; `None` when it names none between 1970 and 2100."""
    text = (value or "")[:_LONGEST_DATE].strip()
    # The usual form first and by itself: it is read of every message.
    if (usual := _RFC5322.match(text)) and (moment := _moment(usual, usual["year"])):
        return moment
    return _read(text) or _read(_plain(text))


def _read(text: str) -> datetime | None:
    if usual := _RFC5322.match(text):
        return _moment(usual, usual["year"])
    if ctime := _CTIME.match(text):
        return _moment(ctime, ctime["early_year"] or ctime["late_year"] or "")
    return _iso_moment(text)


def _plain(text: str) -> str:
    """A date without comments, which may stand between any two of its words (RFC 5322 4.3), by a clock of 24 hours."""
    while (shorter := _COMMENT.sub(" ", text)) != text:
        text = shorter
    return _TWELVE_HOURS.sub(_of_24_hours, _SPACED_COLON.sub(":", text)).strip()


def _of_24_hours(time: re.Match[str]) -> str:
    hour = int(time[1])
    # What no clock of twelve hours shows stands for itself.
    hour = hour % 12 + (12 if time[3] in "Pp" else 0) if 1 <= hour <= 12 else hour
    return f"{hour}{time[2]} "


def _moment(found: re.Match[str], year: str) -> datetime | None:
    named, day, hour, minute, second, zone = found.group("month", "day", "hour", "minute", "second", "zone")
    month = _MONTHS.get(named.lower())
    if month is None or not year:
        return None
    try:
        local = datetime(_full_year(year), month, int(day), int(hour), int(minute), tzinfo=UTC)
        return _within_bounds(local + _seconds_to_utc(second, zone))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def _seconds_to_utc(second: str | None, zone: str | None) -> timedelta:
    """What to add to the full minute of a zone to have the moment in UTC; the same few thousand come again."""
    # A leap second is the first of the next minute to everyone who has none.
    return timedelta(seconds=min(int(second or 0), 60)) - _offset(zone)


def _full_year(digits: str) -> int:
    """Two and three digits as RFC 5322 4.3 reads them."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset(zone: str | None) -> timedelta:
    if not zone:
        return timedelta()
    if zone[0].isalpha():
        name = zone.upper()
        if name in ("AM", "PM"):
            raise ValueError("no zone, but half a day")
        return timedelta(hours=_ZONES.get(name, 0))
    digits = zone.lstrip("+-")
    hours, minutes = int(digits[:2]), int(digits[2:].lstrip(":") or 0)
    if hours >= 24 or minutes >= 60:
        return timedelta()
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def _iso_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return _within_bounds(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        return None


def _within_bounds(moment: datetime) -> datetime | None:
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
