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
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2}
"""Zones by name, in hours; any other name means that the zone is not known (RFC 5322 4.3) and counts as UTC."""

_LONGEST_DATE = 128
# A comment may stand before it (RFC 5322 3.3); programs write `+02:00` and `GMT+0200`.
_ZONE = r"(?:\s*(?:\([^()]*\)\s*)?(?:GMT|UTC?)?(?P<zone>[+-]\d{2}:?\d{2}\b|[A-Za-z]{1,5}\b))?"
_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.\d+)?)?"
_RFC5322 = re.compile(
    rf"(?:[^\d\s,]+,?)?\s*(?P<day>\d{{1,2}})[\s-]+(?P<month>[A-Za-z]{{3}})[a-z.]*[\s-]+(?P<year>\d{{2,4}}),?\s+{_TIME}{_ZONE}"
)
_CTIME = re.compile(
    rf"(?:[A-Za-z]+,?\s+)?(?P<month>[A-Za-z]{{3}})[a-z.]*\s+(?P<day>\d{{1,2}}),?\s+(?:(?P<early_year>\d{{4}})\s+)?"
    rf"{_TIME}{_ZONE}(?:\s+(?P<late_year>\d{{4}}))?"
)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


def read_date(value: str | None) -> datetime | None:
    """The moment a date field names, in UTC; `None` when it names none between 1970 and 2100."""
    text = (value or "")[:_LONGEST_DATE].strip()
    if usual := _RFC5322.match(text):
        return _moment(usual, usual["year"])
    if ctime := _CTIME.match(text):
        return _moment(ctime, ctime["early_year"] or ctime["late_year"] or "")
    return _iso_moment(text)


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
    if zone[0] not in "+-":
        return timedelta(hours=_ZONES.get(zone.upper(), 0))
    hours, minutes = int(zone[1:3]), int(zone[-2:])
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
