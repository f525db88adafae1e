"""The messages in hand, waiting for a connection of their mailbox: urgent ones leave first."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from core.outbound.sending.fault import Fault
from core.outbound.sending.job import Job

WINDOW = 8
"""Messages that are marked together. A connection has two windows at a time: 16 messages, about a second of work."""

WINDOW_BYTES = 4 << 20
"""And no more bytes than these, unless one message is larger."""


class CourierWanted(NamedTuple):
    """A courier that a mailbox needs."""

    mailbox_id: int
    only_urgent: bool
    """Whether it is for urgent messages alone."""


class _Waiting(NamedTuple):
    """A message in its mailbox's queue, which is sorted by the first two."""

    lane_rank: int
    order: int
    job: Job


class WaitingRoom:
    """Shared by the thread that claims and the couriers; who looks for work and finds none leaves."""

    def __init__(self, couriers_each: int) -> None:
        self._most_couriers = couriers_each
        self._limits: dict[int, int] = {}
        self._couriers: Counter[int] = Counter()
        self._urgent_couriers: set[int] = set()
        self._waiting: dict[int, list[_Waiting]] = {}
        self._down: dict[int, Fault] = {}
        self._order = count()
        self._in_hand = 0
        self._worth_telling = 0
        """So few in hand are worth a look of whoever waits."""
        self._changed = threading.Condition()

    @property
    def in_hand(self) -> int:
        """How many messages were taken and are not settled."""
        with self._changed:
            return self._in_hand

    def admit(self, jobs: Iterable[Job]) -> None:
        """Messages that were just taken."""
        with self._changed:
            for job in jobs:
                self._in_hand += 1
                self._put(job)
            self._changed.notify_all()

    def put(self, jobs: Iterable[Job]) -> None:
        """Messages that go on to another mailbox, or wait for another connection."""
        with self._changed:
            is_any = False
            for job in jobs:
                self._put(job)
                is_any = True
            if is_any:
                self._changed.notify_all()

    def take(self, mailbox_id: int, *, only_urgent: bool = False, most: int = WINDOW) -> list[Job]:
        """The next window of a mailbox, of at most so many; empty when none waits or it cannot send."""
        with self._changed:
            window: list[Job] = []
            size = 0
            waiting = self._waiting.get(mailbox_id)
            while waiting and len(window) < most and mailbox_id not in self._down:
                following = waiting[0].job.due
                if (only_urgent and not following.is_urgent) or (window and size + following.size > WINDOW_BYTES):
                    break
                job = heapq.heappop(waiting).job
                size += job.due.size
                window.append(job)
            return window

    def is_pressed(self, mailbox_id: int) -> bool:
        """Whether an urgent message waits for a connection of this mailbox."""
        with self._changed:
            return self._has_urgent(mailbox_id)

    def drain(self, mailbox_id: int | None = None) -> list[Job]:
        """All that wait for this mailbox, or for any."""
        with self._changed:
            keys = list(self._waiting) if mailbox_id is None else [mailbox_id]
            return [entry.job for key in keys for entry in self._waiting.pop(key, [])]

    def done(self, jobs: int) -> None:
        """So many are settled, given back or lost."""
        with self._changed:
            self._in_hand -= jobs
            if self._in_hand <= self._worth_telling:
                self._changed.notify_all()

    def wait(self, seconds: float, in_hand: int) -> None:
        """Until no more than so many are in hand, messages go on to another mailbox, or a courier leaves."""
        with self._changed:
            self._worth_telling = in_hand
            if self._in_hand > in_hand:
                self._changed.wait(seconds)

    def fault_of(self, mailbox_id: int) -> Fault | None:
        """Why this mailbox cannot send; `None` when it can, as far as is known."""
        with self._changed:
            return self._down.get(mailbox_id)

    def went_down(self, mailbox_id: int, fault: Fault) -> None:
        """It failed: until it is claimed for anew, its messages go elsewhere."""
        with self._changed:
            self._down[mailbox_id] = fault

    def came_back(self, mailbox_ids: Iterable[int]) -> None:
        """These do not cool down any more."""
        with self._changed:
            for key in mailbox_ids:
                if self._down.pop(key, None) is not None:
                    self._limits.pop(key, None)

    def fewer(self, mailbox_id: int, *, is_urgent: bool = False) -> bool:
        """One more connection was refused: be content with the others; false if it was the only one.

        Others may be connecting still: a relay says at once that it takes no more, and takes its time for a greeting.
        """
        with self._changed:
            others = self._couriers[mailbox_id] - (not is_urgent)
            if others < 1:
                return False
            self._limits[mailbox_id] = others
            return True

    def enlist(self) -> list[CourierWanted]:
        """The couriers that mailboxes need now.

        They count as being there. Beside the others each mailbox has one connection for what is urgent, if its relay
        takes one more.
        """
        with self._changed:
            needed: list[CourierWanted] = []
            for key, waiting in self._waiting.items():
                takes_more = key not in self._urgent_couriers and key not in self._limits
                if self._couriers[key] and self._has_urgent(key) and takes_more:
                    self._urgent_couriers.add(key)
                    needed.append(CourierWanted(key, only_urgent=True))
                limit = self._limits.get(key, self._most_couriers)
                wanted = min(limit, -(-len(waiting) // (2 * WINDOW)))
                for _ in range(wanted - self._couriers[key]):
                    self._couriers[key] += 1
                    needed.append(CourierWanted(key, only_urgent=False))
            return needed

    def left(self, mailbox_id: int, *, is_urgent: bool = False) -> None:
        """A courier went home."""
        with self._changed:
            if is_urgent:
                self._urgent_couriers.discard(mailbox_id)
            else:
                self._couriers[mailbox_id] -= 1
            self._changed.notify_all()

    def _has_urgent(self, mailbox_id: int) -> bool:
        waiting = self._waiting.get(mailbox_id)
        return waiting[0].job.due.is_urgent if waiting else False

    def _put(self, job: Job) -> None:
        assert job.mailbox_id is not None
        queue = self._waiting.setdefault(job.mailbox_id, [])
        heapq.heappush(queue, _Waiting(job.due.lane_rank, next(self._order), job))
