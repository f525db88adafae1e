"""What hangs on a row, as lines under a heading: events, attempts, recipients, steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from core.resources.json_rows import moment_in, plain
from core.text import safe_text
from tui.console.cells import local_moment, words
from tui.console.wrapping import hanging

SHOWN = 500
"""Lines of one part that are shown, the last ones; a run may have thousands."""

_FIRST = ("at", "started_at")
_LEFT_OUT = {"seq"}


def is_part(value: Any) -> bool:
    """Whether it is several things, which stand under a heading, or one."""
    return isinstance(value, list | dict)


def value_of(value: Any) -> str:
    """One thing, as it stands beside its name."""
    return moment_of(value) if isinstance(value, str) else words(value)


def section(title: str, value: list[Any] | dict[str, Any], width: int) -> Content:
    """A heading and what stands under it."""
    heading = Content.styled(f"\n{safe_text(title)}", "bold $text-primary")
    return Content("\n").join([heading, *(Content(line) for line in lines_of(value, width))])


def lines_of(value: Any, width: int) -> list[str]:
    """A list or mapping as lines that fit: an entry begins a line, and goes on set in."""
    if isinstance(value, Mapping):
        entries = [f"{safe_text(str(name))}: {words(one)}" for name, one in value.items()]
    else:
        entries = [_entry(one) for one in value[-SHOWN:]]
    before = [f" … {len(value) - SHOWN} before these"] if len(value) > SHOWN and not isinstance(value, Mapping) else []
    return before + [f" {line}" for entry in entries for line in hanging(entry, width - 1)]


def moment_of(value: str) -> str:
    """A time as services give it, as pages do; other text, be it a date or a number, as it is."""
    moment = moment_in(value)
    return words(value) if moment is None else local_moment(moment)


def _entry(one: Any) -> str:
    if not isinstance(one, Mapping):
        return words(one)
    when = [moment_of(str(one[name])) for name in _FIRST if one.get(name)]
    rest = [_part(name, plain(part)) for name, part in one.items() if name not in _FIRST and name not in _LEFT_OUT]
    return "  ".join(part for part in [*when, *rest] if part)


def _part(name: str, value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    if name == "ms":
        return f"{value:.0f} ms" if value >= 1 else ""
    if name == "level":
        return "" if value == "info" else words(value).upper()
    return value_of(value)
