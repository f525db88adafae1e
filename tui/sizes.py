"""A number of bytes, as a person reads it."""

from __future__ import annotations

from typing import Any


def size(value: Any) -> str:
    """Bytes, short."""
    if not isinstance(value, int | float):
        return ""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""
