"""Careful mode: what a dead run had in hand is taken one message at a time, in a process of its own.

A message that kills whoever reads it must not stop an account. Only a death alone in that process counts; after the
third the message is quarantined without having been parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core import clock
from core.errors import LeaseLost, StoreError
from core.handles import Handles
from core.inbound.decisions.judging import Judged, unparsed
from core.inbound.marks import Pending
from core.inbound.run.alone import Alone
from core.inbound.run.suspects import acquit, deaths_of, mark_attempt, take_back_attempt
from core.inbound.server.visit import Visit
from core.models import Account
from core.protocols.source import Fetched, Key

MOST_DEATHS = 3
"""Of the process alone with one message, before that is quarantined unparsed."""

DIED = "the process that took it died"
"""How the reason begins why such a message is in quarantine."""

MOST_IN_A_ROW = 5
"""After so many deadly messages in a row, each in the same way, the messages are no longer to blame."""


@dataclass
class TakenCarefully:
    """What became of suspects."""

    pending: list[Pending] = field(default_factory=list)
    """To be acknowledged."""
    deadly: list[Judged] = field(default_factory=list)
    """To be quarantined unparsed: the process died of each of them, every time."""
    others: list[Key] = field(default_factory=list)
    """For the usual path: too large, gone, or not given."""
    stopped_by: str = ""
    """Why the rest was left alone: not the messages are deadly, something else is."""


def take_suspects(visit: Visit, suspects: Sequence[Key], *, name: Callable[[Key, str], Key]) -> TakenCarefully:
    """Take suspects one by one; `name` says what key one is stored under, from its own and its SHA-256."""
    handles, account, connection = visit.handles, visit.account, visit.connection
    taken = TakenCarefully()
    alone = Alone(handles, visit.claimed, visit.log)
    deaths: list[str] = []
    sizes = connection.ask(connection.source.sizes, suspects)
    try:
        for key in suspects:
            is_small = sizes.get(key, account.max_size + 1) <= account.max_size
            fetched = connection.ask(connection.source.fetch, [key])[0] if is_small else None
            if fetched is None or fetched.raw is None:
                taken.others.append(key)
                acquit(handles, account, key)
                continue
            stored_as = name(key, hashlib.sha256(fetched.raw).hexdigest())
            pending = _until_settled(handles, account, alone, fetched, stored_as)
            if pending is not None:
                taken.pending += pending
                deaths.clear()
                acquit(handles, account, key)
                continue
            reason = f"{DIED} {MOST_DEATHS} times"
            taken.deadly.append(unparsed(fetched, clock.utcnow(), reason, stored_as=stored_as))
            deaths.append(alone.death)
            if is_a_fault_of_ours(deaths):
                taken.stopped_by = _told_stopped(alone.death)
                break
    finally:
        alone.close()
    return taken


def is_a_fault_of_ours(deaths: Sequence[str]) -> bool:
    """Whether the last deaths, each of a message of its own and none survived between, speak of something else.

    A message that kills stops nothing; what kills over every message would put a whole mailbox into quarantine.
    """
    last = deaths[-MOST_IN_A_ROW:]
    return len(last) == MOST_IN_A_ROW and len(set(last)) == 1


def _told_stopped(death: str) -> str:
    return (
        f"{MOST_IN_A_ROW} messages in a row ended the process that takes them alone ({death}): not they are to blame, "
        "but something in Postroom or beside it. They are in quarantine; the rest waits on the server. The worker's "
        "log says more."
    )


def _until_settled(
    handles: Handles, account: Account, alone: Alone, fetched: Fetched, stored_as: Key
) -> list[Pending] | None:
    while deaths_of(handles, account, fetched.key) < MOST_DEATHS:
        # Before the attempt is counted: who is killed while it starts was not killed by the message.
        alone.start()
        mark_attempt(handles, account, fetched.key)
        try:
            pending = alone.take(fetched, stored_as)
        except (LeaseLost, StoreError):
            take_back_attempt(handles, account, fetched.key)
            raise
        if pending is not None:
            return pending
    return None
