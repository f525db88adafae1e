"""What a person is shown of something that was never at work: not that it is ok."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNTRIED = {"never fetched": ("last_run_at",), "never used": ("last_sent_at", "tested_at")}
"""What an account or a mailbox is that was never at work, and the columns that say when it was."""


def value_in(row: Mapping[str, Any], column: str) -> Any:
    """What a row shows in a column: that something is ok says nothing before it was at work for the first time."""
    value = row.get(column)
    if column == "status" and value == "ok":
        never = (state for state, times in _UNTRIED.items() if all(row.get(time, ...) is None for time in times))
        return next(never, value)
    return value
