"""The text of IMAP commands: sequence sets, quoted strings, folder names, dates. Values in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone

from imapclient import imap_utf7

from core.protocols.sasl import refuse_breaks

_LONGEST_SET = 7000
"""Octets of one sequence set: RFC 7162 §4 lets servers refuse command lines beyond 8192."""

_MOST_UIDS = 1000
"""Messages in one sequence set: RFC 9738 §3 lets servers do no more with one command."""

_DATE = re.compile(rb"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), start=1
    )
}


def sequence_sets(uids: Iterable[int]) -> Iterator[bytes]:
    """Exactly these UIDs with runs written as ranges (`3:7,9`), in as many sets as fit into command lines."""
    ordered = sorted(set(uids))
    for start in range(0, len(ordered), _MOST_UIDS):
        gathered: list[str] = []
        length = 0
        for part in _ranges(ordered[start : start + _MOST_UIDS]):
            if length + len(part) > _LONGEST_SET:
                yield ",".join(gathered).encode()
                gathered, length = [], 0
            gathered.append(part)
            length += len(part) + 1
        yield ",".join(gathered).encode()


def quoted(what: str, value: str) -> bytes:
    """A quoted string (RFC 3501 §4.3); what cannot stand in one is refused."""
    refuse_breaks(what, value)
    return b'"' + value.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def folder_name(folder: str) -> bytes:
    """A folder's name as it is sent: modified UTF-7 (RFC 3501 §5.1.3), quoted."""
    refuse_breaks("folder name", folder)
    encoded: bytes = imap_utf7.encode(folder)
    return b'"' + encoded.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def internal_date(text: bytes) -> datetime | None:
    """INTERNALDATE in UTC; None for one that is no date, or of no year with mail, since servers have sent such."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        zone = timezone(-offset if sign == b"-" else offset)
        local = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
        )
    except (ValueError, KeyError, OverflowError):
        return None
    return in_utc(local)


def in_utc(date: datetime) -> datetime | None:
    """A date of a server in UTC; None at the ends of time, from where nobody can reckon on."""
    return date.astimezone(UTC) if _FIRST_YEAR <= date.year <= _LAST_YEAR else None


def _ranges(uids: list[int]) -> Iterator[str]:
    start = 0
    for at in range(1, len(uids) + 1):
        if at == len(uids) or uids[at] != uids[at - 1] + 1:
            first, last = uids[start], uids[at - 1]
            yield str(first) if first == last else f"{first}:{last}"
            start = at
