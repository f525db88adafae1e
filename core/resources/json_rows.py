"""Rows as scripts see them: names for references, times in RFC 3339, bytes as numbers, cleaned text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.resources.kind import FieldType, Kind
from core.text import clean

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def as_json(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of a list as one object of `--json`."""
    shown = {name: plain(value) for name, value in row.items()}
    for field in kind.fields:
        if field.type is FieldType.DURATION and shown.get(field.name) is not None:
            shown[field.name] *= 1000  # kept in seconds, told in milliseconds
    if kind.name in {"message", "quarantine"} and "record" in shown:
        shown["record"] = shown["record"] or None
    if kind.name == "account" and shown.get("dispatching") == "to":
        shown["queue"] = ""  # the list says "by To" there, which is the name of no queue
    return shown


def plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, str):
        return clean(value, multiline="\n" in value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def rfc3339(moment: datetime) -> str:
    """A time as `2026-11-20T21:04:10.114Z` (RFC 3339 §5.6)."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def moment_in(value: Any) -> datetime | None:
    """The time that such a text is; `None`: it is none, be it a date, a number, or what somebody has made up."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:  # of no calendar: the 45th, the 13th month
        return None
    # At the ends of time it would have no place in another zone.
    return moment if 1 < moment.year < 9999 else None
