"""Signs for states: a glyph, a word and a tone, so that colour never carries a meaning alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GOOD, BUSY, WARN, BAD, DULL = "good", "busy", "warn", "bad", "dull"


@dataclass(frozen=True)
class Sign:
    """How a state is shown."""

    glyph: str
    tone: str
    short: str = ""
    """A shorter word for narrow columns; empty: the state's own."""


_TICK = Sign("✓", GOOD)
_CROSS = Sign("✗", BAD)
_RUNNING = Sign("▸", BUSY)
_WAITING = Sign("·", DULL)
_WARNING = Sign("!", WARN)
_OVER = Sign("–", DULL)
_AGAIN = Sign("~", WARN)

SIGNS: dict[str, Sign] = {
    **dict.fromkeys(("ok", "valid", "sent", "recorded", "done", "delivered"), _TICK),
    **dict.fromkeys(("invalid", "failing", "failed", "aborted", "error", "expired", "bounced", "lost"), _CROSS),
    **dict.fromkeys(("running", "sending", "open", "claimed"), _RUNNING),
    **dict.fromkeys(("queued", "asked", "waiting", "debug"), _WAITING),
    **dict.fromkeys(("quarantined", "warning"), _WARNING),
    **dict.fromkeys(("inactive", "stopped", "ignored", "cancelled"), _OVER),
    **dict.fromkeys(("deferred", "throttled", "bounce"), _AGAIN),
    "invalid-temporarily": Sign("!", WARN, short="for now"),
    "never fetched": Sign("·", DULL, short="untried"),
    "never used": Sign("·", DULL, short="unused"),
    "needs sign-in": Sign("!", WARN, short="sign in"),
    "closed successful": Sign("✓", GOOD, short="closed"),
    "closed unsuccessful": Sign("–", DULL, short="closed"),
    **dict.fromkeys(("pending reminder", "pending auto close"), Sign("~", WARN, short="pending")),
    "paused": Sign("=", DULL),
    "held": Sign("=", DULL),
    "uncertain": Sign("?", WARN),
    "too_large": Sign("!", WARN, short="too large"),
    "new": Sign("●", BUSY),
    "info": Sign(" ", DULL),
}


def sign_of(state: str) -> Sign:
    """The sign of a state; a plain one for words nobody listed."""
    return SIGNS.get(state, Sign(" ", DULL))


SPARKS = "▁▂▃▄▅▆▇█"
"""Heights of bars; they survive tmux and every font with box drawing."""


def bar(done: int, whole: int, width: int) -> str:
    """A progress bar of that many cells; empty while it is not known how much there is."""
    filled = 0 if whole <= 0 else max(0, min(width, done * width // whole))
    return "█" * filled + "░" * (width - filled)


def chart(values: list[int], width: int, height: int) -> list[str]:
    """Values as bars of several lines, the highest line first; a value above nothing never looks like nothing."""
    sums = folded(values, width)
    steps, most = len(SPARKS), max(sums, default=0)
    # The lowest step is the ground they stand on.
    full = [1 if not value else max(2, value * steps * height // most) for value in sums]
    lines = []
    for line in reversed(range(height)):
        over = [min(steps, max(0, one - line * steps)) for one in full]
        lines.append("".join(SPARKS[one - 1] if one else " " for one in over))
    return lines


_ENDS = {"ok": "▁", "running": "▸", "stopped": "▄"}


def strip(states: Sequence[str]) -> str:
    """How runs ended, one a cell: low when all was well, high when it was not."""
    return "".join(_ENDS.get(state, "█") for state in states)


def folded(values: list[int], width: int) -> list[int]:
    """Values summed in equal groups so that they fit a width."""
    if not values or width <= 0:
        return []
    group = -(-len(values) // width)
    return [sum(values[start : start + group]) for start in range(0, len(values), group)]
