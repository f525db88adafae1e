"""What the rows of a kind are called, where it is not by the kind's own name."""

from __future__ import annotations

from core.resources.kind import Kind
from core.text import counted

_NOUNS = {
    "outbox": ("message", "messages"),
    "quarantine": ("message", "messages"),
    "audit": ("line", "lines"),
    "handoff": ("hand-off", "hand-offs"),
    "suppression": ("address", "addresses"),
}

_NONE = {
    "quarantine": "Nothing is in quarantine.",
    "alert": "No alerts.",
    "suppression": "No address is held back.",
    "worker": "No worker is running: nothing is fetched or sent.\nStart one with: postroom --worker",
}


def noun(kind: Kind, count: int = 1) -> str:
    """The word for so many of them."""
    one, several = _NOUNS.get(kind.name, (kind.name, kind.plural))
    return one if count == 1 else several


def many(count: int, one: str, several: str = "") -> str:
    """So many of anything, as numbers stand in the console."""
    return counted(count, one, several, thousands=" ")


def numbered(kind: Kind, count: int) -> str:
    """So many of them, in words: `1 message`, `1 200 messages`."""
    return many(count, noun(kind), noun(kind, 0))


def none_yet(kind: Kind) -> str:
    """The sentence for an empty list; that some are empty is as it should be."""
    return _NONE.get(kind.name, f"No {noun(kind, 0)} yet.")
