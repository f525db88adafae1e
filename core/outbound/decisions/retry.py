"""When to try again, when to give up, how long a failing mailbox is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.settings import RetrySettings

_MOST_DOUBLINGS = 32


FIRST_COOLING = timedelta(seconds=30)
"""For so long a mailbox takes no message of its own after its first failure."""

LONGEST_COOLING = timedelta(minutes=15)
"""After many."""

LATE = timedelta(hours=1)
"""A try that comes so long after its time follows a jump of the clock, or days in which nobody sent."""


def next_attempt_at(
    attempts: int,
    begun_at: datetime,
    now: datetime,
    rule: RetrySettings,
    jitter: float = 0.0,
    *,
    expires_at: datetime | None = None,
    due_at: datetime | None = None,
) -> datetime | None:
    """When to try again after so many tries, or `None` when it is time to give up.

    A try that was `due_at` a time long ago is not the last, whatever the clock says: its lifetime may not be over at
    all, and a notice cannot be taken back. The longest wait is what whoever sets the clock has for it; the try after
    that is the last.

    Each wait is twice the one before; `jitter`, from 0 to 1, takes up to a quarter off, so that what failed together
    does not come back together. The last try falls on the end of the lifetime (RFC 5321 §4.5.4.1 asks for four to five
    days), or on the expiry if that is sooner.
    """
    ends = begun_at + rule.lifetime
    if is_expired(expires_at, now):
        return None
    if now >= ends:
        # Once: where mail leaves every few hours only, by a timer, each try comes so late.
        is_the_last = due_at is None or due_at > ends or now - due_at <= LATE
        if is_the_last:
            return None
        once_more = now + rule.longest
        return min(once_more, expires_at or once_more)
    wait = min(rule.longest, _doubled(rule.first, attempts - 1))
    wait = max(min(rule.first, rule.longest), wait * (1 - min(max(jitter, 0.0), 1.0) / 4))
    return min(now + wait, ends, expires_at or ends)


def is_expired(expires_at: datetime | None, now: datetime) -> bool:
    """Whether the message comes too late and must not be sent any more."""
    return expires_at is not None and now >= expires_at


def cool_until(failures: int, now: datetime) -> datetime | None:
    """Until when a mailbox rests after so many failures in a row; `None`: it does not."""
    if failures <= 0:
        return None
    return now + min(LONGEST_COOLING, _doubled(FIRST_COOLING, failures - 1))


def _doubled(wait: timedelta, times: int) -> timedelta:
    doublings = 2 ** min(max(times, 0), _MOST_DOUBLINGS)
    # A wait set in days, doubled often enough, is more than a timedelta holds.
    return timedelta(seconds=min(wait.total_seconds() * doublings, timedelta(days=365).total_seconds()))
