"""Times on a command line: `10m` from now, or a time of day or date."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from core.errors import BadInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_moment(option: str, text: str, now: datetime) -> datetime:
    """The moment a text means; a time without a zone is this machine's.

    Raises:
        BadInput: it means none.
    """
    if re.fullmatch(r"(?:\d{1,6}[smhdw])+", text):
        seconds = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
        return _after(option, text, now, seconds)
    try:
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{option}: {text!r} is no time: write 10m, or 2027-01-31T08:00.") from error


def _after(option: str, text: str, now: datetime, seconds: int) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError as error:
        raise BadInput(f"{option}: {text!r} is too far away.") from error
