"""When an account that fails is due again, and when it has failed for too long."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import StrEnum

from core.errors import (
    ConfigurationError,
    LoginRefused,
    NeedsSignIn,
    PostroomError,
    StoreBusy,
    Throttled,
    WireError,
)

LONGEST = timedelta(hours=1)
"""The longest wait that we choose ourselves."""

LONGEST_ASKED_FOR = timedelta(days=1)
"""The longest wait that a server may ask for: a mad number must not silence an account for ever."""

REFUSED_FOR_TOO_LONG = timedelta(days=5)
"""After this long a login or configuration does not mend itself."""

SOON = timedelta(seconds=30)
"""The wait after our own database was away or busy: its server is not to blame, and may be back in a moment."""

# An interval of zero would double to zero.
_SHORTEST = timedelta(seconds=1)
_MOST_DOUBLINGS = 32


class FailureKind(StrEnum):
    """Whose turn it is to do something about a failed fetch."""

    SERVER = "server"
    """Not reached, lost, too slow: tried again for ever."""
    THROTTLED = "throttled"
    """The server asked to come back later."""
    LOGIN = "login"
    """User name, password or token were refused, or somebody must sign in: a person must mend them."""
    CONFIGURATION = "configuration"
    """A certificate, folder or other setting: a person must mend it."""
    OURS = "ours"
    """Our own database was out of reach or busy: nothing is the matter with the account."""

    @property
    def needs_a_person(self) -> bool:
        """Whether it will not pass by itself."""
        return self in (FailureKind.LOGIN, FailureKind.CONFIGURATION)


def kind_of(error: PostroomError) -> FailureKind:
    """What kind of failure ended a fetch; what cannot be known passes by itself."""
    if isinstance(error, LoginRefused | NeedsSignIn):
        return FailureKind.LOGIN
    if isinstance(error, Throttled):
        return FailureKind.THROTTLED
    if isinstance(error, StoreBusy):
        return FailureKind.OURS
    if isinstance(error, ConfigurationError) or (isinstance(error, WireError) and error.is_permanent):
        return FailureKind.CONFIGURATION
    return FailureKind.SERVER


def next_due(
    failures: int,
    now: datetime,
    interval: timedelta,
    *,
    kind: FailureKind = FailureKind.SERVER,
    retry_after: float | None = None,
) -> datetime:
    """When to fetch again after so many failures in a row: the interval, doubling, at most an hour.

    A refused login waits the hour at once, so that we lock nobody out. `retry_after` is what the server asked for, in
    seconds; it is kept to when it is longer. An interval of more than an hour stays as it is.
    """
    wait = max(interval, _SHORTEST)
    if kind is FailureKind.OURS:
        return now + min(wait, SOON)
    if failures > 0 and wait < LONGEST:
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        wait = LONGEST if kind is FailureKind.LOGIN else min(LONGEST, wait * 2**doublings)
    return now + max(wait, _asked_for(retry_after))


def has_failed_for_too_long(kind: FailureKind, first_failure_at: datetime | None, now: datetime) -> bool:
    """Whether the account becomes invalid-temporarily: its login or configuration has failed for five days.

    `first_failure_at` is the first failure since the last fetch that went well. A server that is out of reach never
    makes an account invalid.
    """
    if first_failure_at is None or not kind.needs_a_person:
        return False
    return now - first_failure_at >= REFUSED_FOR_TOO_LONG


def _asked_for(retry_after: float | None) -> timedelta:
    if retry_after is None or math.isnan(retry_after) or retry_after <= 0:
        return timedelta(0)
    return timedelta(seconds=min(retry_after, LONGEST_ASKED_FOR.total_seconds()))
