"""Where a worker listens: which folders of its accounts, and when each connection is opened; values in, values out.

A connection in IDLE hears of one folder (RFC 2177), so every folder takes one. NOTIFY (RFC 5465) would hear of all by
one, but hardly a provider offers it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

FOLDERS_EACH = 4
"""Folders of one account that are listened to, the first ones; the others wait for the poll. Providers bound the
connections of a user, and other programs need some too."""

OPENERS = 8
"""Connections opened at once; a thousand that were cut together do not come back together."""

OPENERS_PER_HOST = 4
"""Of these, to one server: a server that hangs does not keep the others waiting."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
"""Seconds between two tries to open a connection that broke: doubling, each by half more or less, by lot."""

STEADY = 60.0
"""Seconds a connection must have stood for its breaking to count as the first one."""


class Spot(NamedTuple):
    """One folder of one account."""

    account_id: int
    folder: str


@dataclass(frozen=True)
class Mine:
    """An account that this worker idles on."""

    account_id: int
    version: int
    """When it grows, its connections are opened anew."""
    host: str
    is_well: bool
    """Whether its last run ended well; only then is a connection opened: whoever is refused must not ask twice."""
    folders: tuple[str, ...] = ("INBOX",)


@dataclass
class Entry:
    """What this worker does about one spot."""

    version: int
    host: str
    is_first: bool = True
    """Whether it is the account's first folder: a server that refuses that one is only polled for a while."""
    is_opening: bool = False
    is_open: bool = False
    opened_at: float = 0.0
    breaks: int = 0
    """How often in a row its connection broke or could not be opened."""
    not_before: float = 0.0

    def broke(self, now: float, lot: float) -> None:
        """Its connection broke, or could not be opened; `lot` is a number from 0 to 1 by chance."""
        if self.is_open and now - self.opened_at > STEADY:
            self.breaks = 0
        self.is_open = self.is_opening = False
        self.breaks += 1
        self.not_before = now + pause_after(self.breaks, lot)


def pause_after(breaks: int, lot: float) -> float:
    """Seconds until the next try after so many failures in a row; `lot` is a number from 0 to 1 by chance."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(breaks, 1) - 1, 16))
    return longest * (0.5 + lot)


def spots_of(accounts: Sequence[Mine], room: int) -> dict[Spot, Entry]:
    """Where to listen with so many connections: at the first folder of every account, then at their other ones.

    `accounts` come in the order of their priority; what has no room is polled.
    """
    firsts = [(one, place) for place in range(FOLDERS_EACH) for one in accounts if place < len(one.folders)]
    return {
        Spot(one.account_id, one.folders[place]): Entry(one.version, one.host, is_first=place == 0)
        for one, place in firsts[: max(room, 0)]
    }


def outdated(entries: Mapping[Spot, Entry], wanted: Mapping[Spot, Entry]) -> list[Spot]:
    """The spots that are no longer listened to, or whose account was changed since."""
    return [spot for spot, entry in entries.items() if spot not in wanted or wanted[spot].version != entry.version]


def to_open(entries: Mapping[Spot, Entry], now: float) -> list[Spot]:
    """Which connections to open now: as many as there are openers, few of one server, an account's first folder first.

    Of a server that allows one connection more it is the first folder that gets it.
    """
    standing = {spot.account_id for spot, entry in entries.items() if entry.is_first and entry.is_open}
    busy = Counter(entry.host for entry in entries.values() if entry.is_opening)
    chosen: list[Spot] = []
    for spot, entry in entries.items():
        if busy.total() >= OPENERS:
            break
        is_idle = not entry.is_open and not entry.is_opening and entry.not_before <= now
        has_turn = entry.is_first or spot.account_id in standing
        if is_idle and has_turn and busy[entry.host] < OPENERS_PER_HOST:
            chosen.append(spot)
            busy[entry.host] += 1
    return chosen
