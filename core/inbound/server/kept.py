"""Connections that stay open between two polls: an open one costs a command, a new one a handshake and a login."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from core import clock
from core.models import Account
from core.protocols.imap.source import ImapSource

MOST = 8
"""Connections that one worker keeps."""

LONGEST_IDLE = 900.0
"""Seconds without a poll after which one is given up; servers do so after thirty minutes (RFC 3501 §5.4)."""

OLDEST = 3600.0
"""Seconds after which one is opened anew: addresses, certificates and passwords change."""


@dataclass(frozen=True)
class _Kept:
    source: ImapSource
    version: int
    """The account's, when the connection was opened."""
    since: float


class KeptSources:
    """The connections of one worker that wait for their account's next poll. POP3 is never among them: it shows new
    mail only to a new session (RFC 1939 §3)."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: dict[int, _Kept] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, account: Account) -> ImapSource | None:
        """The account's connection, now the caller's; `None` if there is none that suits."""
        self.tidy()
        with self._lock:
            one = self._kept.pop(account.id or 0, None)
        if one is None or one.version == account.version:
            return one.source if one else None
        one.source.drop()
        return None

    def has_room_for(self, account: Account) -> bool:
        """Whether it pays to make a connection of this account ready to be kept.

        Who is in stays in: with many accounts in turn, making room for each newcomer would never serve anyone.
        """
        is_seldom = (account.interval or 0) > LONGEST_IDLE
        return not self._is_closed and not is_seldom and len(self._kept) < self._most

    def keep(self, account: Account, source: ImapSource) -> bool:
        """Keep this connection, which has no folder selected, until the next poll; false: it remains the caller's."""
        now = clock.monotonic()
        with self._lock:
            if not self.has_room_for(account) or now - source.opened_at > OLDEST:
                return False
            self._kept[account.id or 0] = _Kept(source, account.version, now)
            return True

    def tidy(self) -> None:
        """Give up those that waited too long."""
        now = clock.monotonic()
        with self._lock:
            old = [key for key, one in self._kept.items() if now - one.since > LONGEST_IDLE]
            given_up = [self._kept.pop(key) for key in old]
        for one in given_up:
            one.source.drop()

    def close(self) -> None:
        """Give up all, and keep none from now on."""
        with self._lock:
            self._is_closed = True
            given_up, self._kept = list(self._kept.values()), {}
        for one in given_up:
            one.source.drop()
