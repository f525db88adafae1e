"""The slots of a fetcher: threads with an account in hand each, of those that are due and of those people ask for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from core import clock
from core.errors import StoreError
from core.handles import Handles
from core.inbound.due import Claimed, claim_due
from core.inbound.run.fetch import FetchOptions, fetch_account
from core.inbound.server.kept import KeptSources
from core.inbound.turns import Waiting, waiting
from core.settings import RuntimeSettings

ASKED_AT_ONCE = 8
"""Accounts fetched at once by order of a person, beside those that are due: an order finds a thread at once, and one
for a thousand accounts leaves the slots alone."""

_log = logging.getLogger("postroom.fetcher")


@dataclass(eq=False)
class Slot:
    """A thread and what it has in hand."""

    claimed: Claimed
    is_by_hand: bool
    """Whether a person asked for it; it is no slot for what is due."""


class Slots:
    """Fetches in threads; who ends a run goes on with the account whose turn is next, claimed in the same transaction.

    Leaving that to the thread that fills the slots cost a commit more for each run, and time in which a slot is empty.
    """

    def __init__(
        self, handles: Handles, stop: threading.Event, wake: threading.Event, may_go_on: Callable[[], bool]
    ) -> None:
        self._handles = handles
        self._may_go_on = may_go_on
        self._stop = stop
        self._wake = wake
        self._most = handles.settings().fetch_slots
        self._pool = ThreadPoolExecutor(self._most + ASKED_AT_ONCE, thread_name_prefix="fetch")
        self._kept = KeptSources()
        self._taken: dict[Slot, Future[None]] = {}

    def __len__(self) -> int:
        """How many accounts are being fetched."""
        return len(self._taken)

    @property
    def has_room_by_hand(self) -> bool:
        """Whether there is a thread for one more that a person asks for."""
        return sum(slot.is_by_hand for slot in self._taken) < ASKED_AT_ONCE

    def fill(self) -> None:
        """Begin what is due, as far as slots are free."""
        settings = self._handles.settings()
        for claimed in claim_due(self._handles, settings, self._free(settings), busy=self._in_hand()):
            self.begin(claimed)

    def begin(self, claimed: Claimed, *, is_by_hand: bool = False) -> None:
        """Fetch an account in a thread of its own."""
        slot = Slot(claimed, is_by_hand)
        running = self._taken[slot] = self._pool.submit(self._fetch_on, slot)
        # A slot that is free again is given to the next account at once.
        running.add_done_callback(lambda _: self._wake.set())

    def tidy(self) -> None:
        """Forget what has ended, and connections that waited too long."""
        self._kept.tidy()
        for slot, running in list(self._taken.items()):
            if running.done():
                del self._taken[slot]
                _tell(slot, running.exception())

    def wait(self) -> None:
        """Until a slot is free again."""
        wait(self._taken.values(), return_when="FIRST_COMPLETED")

    def close(self) -> None:
        """Wait for the batches in hand; `stop` is set by now."""
        self._pool.shutdown(wait=True)
        self.tidy()
        self._kept.close()

    def _fetch_on(self, slot: Slot) -> None:
        options = FetchOptions(kept=self._kept, next_turn=None if slot.is_by_hand else self._next_turn)
        claimed: Claimed | None = slot.claimed
        while claimed is not None:
            slot.claimed = claimed
            claimed = fetch_account(self._handles, claimed, stop=self._stop, options=options).next_turn

    def _next_turn(self, ending: Claimed) -> Waiting | None:
        """Whose turn it may be when this run ends; `None` if the slot stays empty."""
        if self._stop.is_set() or not self._may_go_on():
            return None
        try:
            with self._handles.database.reading() as session:
                settings = self._handles.settings_in(session)
                if self._free(settings) < 0:
                    return None  # there are fewer slots than there were
                busy = {one.lease.key: one.is_failing for one in self._in_hand() if one is not ending}
                seen = waiting(session, settings, 1, clock.utcnow(), busy, leaving=ending.account.host)
        except StoreError:
            return None  # the run's end is written all the same, or fails for the same reason
        return seen if seen.has_turns else None

    def _free(self, settings: RuntimeSettings) -> int:
        return min(self._most, settings.fetch_slots) - sum(not slot.is_by_hand for slot in list(self._taken))

    def _in_hand(self) -> list[Claimed]:
        return [slot.claimed for slot in list(self._taken)]


def _tell(slot: Slot, error: BaseException | None) -> None:
    if isinstance(error, StoreError):
        _log.warning("account %s: %s", slot.claimed.lease.key, error)
    elif error is not None:
        # A fault of ours ends the run, not the worker; the next claim finds the run dead and recovers.
        _log.error("account %s: a run ended unexpectedly", slot.claimed.lease.key, exc_info=error)
