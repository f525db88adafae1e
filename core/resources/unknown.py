"""A name that nothing has, as a sentence: the nearest that something has, or how to see them all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from core.resources.kind import Kind

_NOUNS = {"outbox": "outgoing message", "quarantine": "quarantined message", "audit": "line of the audit log"}
"""What a row is called where it is not by its kind's name."""


def unknown(kind: Kind, name: str, names: Iterable[str] = ()) -> str:
    """What to say of a name; `names` are those that there are, as far as one of them may be meant."""
    near = difflib.get_close_matches(name, list(names), n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"To see what there is: postroom list {kind.name}"
    return f"There is no {_NOUNS.get(kind.name, kind.name)} {name!r}. {hint}"
