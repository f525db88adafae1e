"""The topics that make what is shown of a kind old."""

from __future__ import annotations

from core.resources.kind import Kind

_OF_LISTS = {
    "account": frozenset({"account", "run", "queue", "profile"}),
    "mailbox": frozenset({"mailbox", "template", "outbox"}),
    "template": frozenset({"template", "mailbox"}),
    "quarantine": frozenset({"message", "quarantine", "run"}),
    "message": frozenset({"message", "run", "record"}),
    "record": frozenset({"record", "run", "message"}),
    "handoff": frozenset({"handoff", "delivery"}),
    "delivery": frozenset({"delivery", "record"}),
    "queue": frozenset({"queue", "record", "run"}),
    "event": frozenset({"run", "event"}),
}
"""Where it is more than the kind's own."""

_OF_PAGES = {"record": frozenset({"outbox"})}
"""What hangs on a row beside: a record's answers are in the outbox."""


def of_list(kind: Kind) -> frozenset[str]:
    """What moves the rows of a list."""
    return _OF_LISTS.get(kind.name, frozenset({kind.name}))


def of_page(kind: Kind) -> frozenset[str]:
    """What moves a row, or something that hangs on it."""
    return of_list(kind) | _OF_PAGES.get(kind.name, frozenset())
