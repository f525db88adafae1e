"""The loop guard: what answers itself, or comes too often from one sender, makes no records."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.text import counted

MARK = "X-Postroom-Loop"
"""Our outgoing mail carries it, with the name of the host it left through."""


OWN_LIMIT = 20
"""Records in the window that our own mail makes at most, where the limit is switched off."""


class LoopCause(StrEnum):
    """What the loop guard saw."""

    OWN_ANSWER = "own answer"
    """An automatic message that we sent ourselves: it would be answered by itself for ever."""
    TOO_MANY = "too many"
    """Its sender has made too many records of one account in the window."""


@dataclass(frozen=True, slots=True)
class LoopRule:
    """What one sender may send to one account, and who we are."""

    records: int = 20
    """Records in the window before the rest is quarantined; 0: no limit."""
    window: timedelta = timedelta(hours=2)
    allow: frozenset[str] = frozenset()
    """Senders that are never stopped: addresses and domains, in lower case."""
    host_marks: frozenset[str] = frozenset()
    """What our machines leave in the mail they send."""
    own_addresses: frozenset[str] = frozenset()
    """In lower case."""


@dataclass(frozen=True, slots=True)
class LoopVerdict:
    """Why a message goes to quarantine and not into a record."""

    rule: LoopCause
    why: str


def is_allowed(sender: str, rule: LoopRule) -> bool:
    """Whether this lower-case sender is on the allow list, by address or domain."""
    if not rule.allow:
        return False
    domain = sender.rpartition("@")[2]
    return sender in rule.allow or domain in rule.allow or f"@{domain}" in rule.allow


def comes_from_us(sender: str, marks: Sequence[str], rule: LoopRule) -> str | None:
    """How a message shows that we sent it ourselves; `None`: it does not. `sender` is in lower case."""
    if mark := next((mark for mark in marks if mark in rule.host_marks), None):
        return f"it left through {mark}"
    if sender in rule.own_addresses:
        return f"{sender} is one of our own addresses"
    return None


def guard(
    sender: str,
    received_at: datetime,
    recorded_at: Sequence[datetime],
    rule: LoopRule,
    *,
    own: str | None = None,
    automatic: str | None = None,
) -> LoopVerdict | None:
    """Whether a message must make no record; `None`: it may.

    `recorded_at` are, ascending, the times at which the messages that made this sender's records were received. The
    window ends when this message was received, not now: a first fetch brings years of mail at once. `own` and
    `automatic` say how it shows that it is ours, and that a machine wrote it (RFC 3834 §2).
    """
    if is_allowed(sender, rule):
        return None
    if own is not None and automatic is not None:
        return LoopVerdict(LoopCause.OWN_ANSWER, f"{own}, and it is automatic ({automatic})")
    # A program of ours may write to us as anyone may; but it is limited even where nobody else is.
    limit = rule.records or (OWN_LIMIT if own is not None else 0)
    if not limit or len(recorded_at) < limit:
        return None
    count = bisect_right(recorded_at, received_at) - bisect_left(recorded_at, received_at - rule.window)
    if count < limit:
        return None
    many = counted(count, "record")
    return LoopVerdict(LoopCause.TOO_MANY, f"{sender or 'nobody'} has made {many} in {_shown(rule.window)}")


def _shown(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return counted(hours, "hour") if hours >= 1 else counted(window.total_seconds() / 60, "minute")
