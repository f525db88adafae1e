"""What may go wrong between a client and a server: rules of the proxy, and when they act."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Whose bytes a rule is about."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


class Fault(StrEnum):
    """What may happen to a connection."""

    CUT = "cut"
    """Both ends see FIN."""
    RESET = "reset"
    """Both ends see RST."""
    BLACKHOLE = "blackhole"
    """Nothing passes any more in either direction; both ends stay connected."""
    DRIP = "drip"
    """From here on byte by byte, with `pause` after each."""
    DELAY = "delay"
    """Wait `pause` once, then go on."""


@dataclass(frozen=True)
class Rule:
    """One fault: in which direction, where in its bytes, what. It acts once on a connection."""

    direction: Direction
    fault: Fault
    after: int = 0
    """How many bytes of a connection pass in this direction before it acts; 0: none."""
    at: bytes | None = None
    """Instead of `after`: a regular expression, looked for in each piece that arrives, and in what passed shortly before.
    It acts before the match, or as soon as its end arrives."""
    including: bool = False
    """With `at`: the match passes, and it acts after it."""
    pause: float = 0.05
    """Seconds, for DRIP and DELAY."""
    connections: frozenset[int] = frozenset()
    """Only on these connections, counted from 1; none named: on each."""


def position(rule: Rule, passed: int, piece: bytes, before: bytes = b"") -> int | None:
    """How many bytes of this piece pass before the rule acts, if it acts within it, after `passed` bytes.

    `before` are the last of those: where packets end must not decide whether a match is one.
    """
    if rule.at is None:
        return max(0, rule.after - passed) if rule.after < passed + len(piece) else None
    matches = re.finditer(rule.at, before + piece)
    found = next((match for match in matches if match.end() > len(before)), None)
    if found is None:
        return None
    return max(0, (found.end() if rule.including else found.start()) - len(before))


def first_fault(rules: Iterable[Rule], passed: int, piece: bytes, before: bytes) -> tuple[int, Rule] | None:
    """The rule that acts first within this piece, and how many of its bytes pass before."""
    acting = [(where, rule) for rule in rules if (where := position(rule, passed, piece, before)) is not None]
    return min(acting, key=lambda each: each[0], default=None)
