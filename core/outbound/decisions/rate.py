"""How many messages a mailbox may still send within a minute: pure.

A sliding window, not a bucket that fills again while it is emptied: in no minute are there more than the rate says,
which is how relays count. What was taken is remembered by the second, so the minute is a second too long at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

SECONDS = 61
"""After so many seconds what was taken in one second is free again: a minute, whenever in that second it was."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A mailbox's rate, and what was taken of it."""

    per_minute: int
    taken: tuple[tuple[int, int], ...] = ()
    """Seconds since 1970 (UTC), oldest first, and how many messages were taken then."""

    @classmethod
    def read(cls, per_minute: int, taken: Iterable[Sequence[int]]) -> Rate:
        """As it is kept in the database."""
        return cls(per_minute, tuple((second, count) for second, count in taken))

    def ceiling(self, *, is_urgent: bool) -> int:
        """The most there may be in a minute; the last fifth is for urgent messages alone."""
        return self.per_minute if is_urgent else max(1, self.per_minute * 4 // 5)

    def left(self, now: datetime, *, is_urgent: bool) -> int:
        """How many may still be taken now."""
        return max(0, self.ceiling(is_urgent=is_urgent) - sum(count for _, count in self._held(now)))

    def free_at(self, now: datetime, place: int, *, is_urgent: bool) -> datetime:
        """When the one may be taken who stands at this place of those that wait, from 0; now, if there is room."""
        held = self._held(now)
        ceiling = self.ceiling(is_urgent=is_urgent)
        wanted = sum(count for _, count in held) - ceiling + place + 1
        if wanted <= 0:
            return now
        for second, count in held:
            wanted -= count
            if wanted <= 0:
                return _end_of(second)
        # Those before have taken all of it once more, perhaps several times.
        last = held[-1][0] if held else int(now.timestamp()) - SECONDS
        return _end_of(last + SECONDS * -(-wanted // ceiling))

    def with_taken(self, now: datetime, count: int = 1) -> Rate:
        """So many more are taken now; what is free again is forgotten."""
        held, second = self._held(now), int(now.timestamp())
        if held and held[-1][0] >= second:
            return replace(self, taken=(*held[:-1], (held[-1][0], held[-1][1] + count)))
        return replace(self, taken=(*held, (second, count)))

    def with_given_back(self, count: int) -> Rate:
        """So many that were taken last are not needed."""
        kept = list(self.taken)
        while count > 0 and kept:
            second, taken = kept.pop()
            if taken > count:
                kept.append((second, taken - count))
            count -= taken
        return replace(self, taken=tuple(kept))

    def _held(self, now: datetime) -> tuple[tuple[int, int], ...]:
        # What a clock that has been set back since took further ahead would never be free again.
        since, upto = now.timestamp() - SECONDS, now.timestamp() + SECONDS
        return tuple(pair for pair in self.taken if since < pair[0] <= upto)


def _end_of(second: int) -> datetime:
    return datetime.fromtimestamp(second + SECONDS, UTC)
