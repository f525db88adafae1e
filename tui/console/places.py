"""The places of the console, in the order of the navigation."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Misuse
from core.resources.catalogue import KINDS


@dataclass(frozen=True)
class Place:
    """A screen one can go to."""

    name: str
    """As `--screen` and the go-to list know it."""
    title: str
    group: str
    kind: str = ""
    """The kind it lists; empty for the special ones."""
    description: str = ""


_ORDER = (
    ("account", "run", "quarantine"),
    ("mailbox", "template", "outbox"),
    ("record", "message"),
    ("queue", "address", "filter", "handoff", "delivery"),
    ("profile", "suppression", "alert", "worker", "audit", "setting"),
)

_GROUPS = {"message": "Records"}
"""Where the navigation shows a kind, if not where its description says."""


def _listed() -> tuple[Place, ...]:
    kinds = {kind.name: kind for kind in KINDS}
    return tuple(
        Place(kind.plural, kind.title, _GROUPS.get(kind.name, kind.group), kind.name, kind.description)
        for group in _ORDER
        for kind in (kinds[name] for name in group)
    )


PLACES: tuple[Place, ...] = (
    Place("overview", "Overview", "", description="Health, throughput, what waits and what is wrong."),
    Place("live", "Live fetch", "Incoming", description="What is being fetched now, line by line, by any worker."),
    *_listed(),
)


def place_named(name: str) -> Place:
    """The place of that name: a screen's, or a kind's in singular or plural.

    Raises:
        Misuse: there is none.
    """
    wanted = name.strip().lower()
    for place in PLACES:
        if wanted in {place.name, place.kind, place.title.lower()}:
            return place
    raise Misuse(f"There is no screen {name!r}. The screens are: {', '.join(place.name for place in PLACES)}.")
