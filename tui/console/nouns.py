"""What the rows of a kind are called, where it is not by the kind's own name."""

from __future__ import annotations

from core.resources.kind import Kind
from tui.console.cells import grouped

_NOUNS = {
    "outbox": ("message", "messages"),
    "quarantine": ("message", "messages"),
    "audit": ("line", "lines"),
    "handoff": ("hand-off", "hand-offs"),
    "suppression": ("address", "addresses"),
}


def noun(kind: Kind, count: int = 1) -> str:
    """The word for so many of them."""
    one, several = _NOUNS.get(kind.name, (kind.name, kind.plural))
    return one if count == 1 else several


def numbered(kind: Kind, count: int) -> str:
    """So many of them, in words: `1 message`, `1 200 messages`."""
    return f"{grouped(count)} {noun(kind, count)}"
