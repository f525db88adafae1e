"""A filter's conditions and what it sets, as one line that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(value: Any) -> str | None:
    """`X-Spam-Flag: ^yes & !Subject: invoice`, or `X-OTOBO-Queue: Junk`; `None`: it is neither."""
    if isinstance(value, Mapping) and value and all(isinstance(one, str) for one in value.values()):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    if isinstance(value, list | tuple) and value and all(isinstance(one, Mapping) and "regex" in one for one in value):
        return " & ".join(f"{'!' if one.get('negate') else ''}{one['header']}: {one['regex']}" for one in value)
    return None
