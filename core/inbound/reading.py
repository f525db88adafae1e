"""Reading from the server in bounded batches, the next one read and judged while the last is taken in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from core.failpoints import fp
from core.inbound.judging import Judged, JudgingEnded
from core.protocols.source import Fetched, Key, Source

P = ParamSpec("P")
T = TypeVar("T")

BATCH_MESSAGES = 100
BATCH_BYTES = 4 << 20
"""A batch is taken in by one transaction: these bounds keep it near 25 ms."""

AHEAD = 2
"""Batches on their way while one is taken in: one being read, one being judged."""

SIZES_AT_ONCE = 1000
"""How many sizes are asked for in one command."""


class Line:
    """The one thread that talks on a connection; orders are carried out in the order they are given."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fetch-line")
        self._is_passed_on = False

    def order(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have something done on the connection, after what was ordered before."""
        return self._thread.submit(call, *args, **kwargs)

    def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have it done and wait for it."""
        return self.order(call, *args, **kwargs).result()

    def pass_on(self) -> None:
        """The connection stays open and is somebody else's from now on."""
        self._is_passed_on = True
        self._thread.shutdown(wait=True)

    def end(self) -> None:
        """Abandon what is still ordered; the connection is dropped first, so that nothing keeps waiting."""
        if not self._is_passed_on:
            self.source.drop()
        self._thread.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Bulk:
    """One batch as it came, judged."""

    judged: tuple[Judged, ...]
    missing: tuple[Fetched, ...]
    """What was asked for and did not come."""
    too_large: tuple[tuple[Key, int], ...]
    """What was left on the server, with its size."""
    gone: tuple[Key, ...]
    """What was no longer there when sizes were asked for."""
    last: Key
    """The last key that this batch settles."""
    suspects: tuple[Key, ...] = ()
    """What was not judged, because the process that should have ended of one of them."""


class Judge(Protocol):
    """Judges batches in the order they are given: here, or in a process of its own."""

    def order(self, fetched: Sequence[Fetched]) -> Callable[[], tuple[Judged, ...]]:
        """Begin with a batch, on the connection's thread; what is given back waits for the end of it.

        Waiting may raise JudgingEnded: one of these messages may be what kills whoever judges it.
        """
        ...


@dataclass(frozen=True)
class JudgedHere:
    """Judges on the connection's thread."""

    judge: Callable[[Fetched], Judged]

    def order(self, fetched: Sequence[Fetched]) -> Callable[[], tuple[Judged, ...]]:
        """Judge a batch at once."""
        judged = tuple(map(self.judge, fetched))
        return lambda: judged


@dataclass(frozen=True)
class _Coming:
    """A batch that was read and is being judged."""

    plan: _Plan
    fetched: tuple[Fetched, ...]
    judged: Callable[[], tuple[Judged, ...]]

    def bulk(self) -> Bulk:
        """The batch, once it is judged."""
        plan, missing = self.plan, tuple(one for one in self.fetched if one.raw is None)
        try:
            return Bulk(self.judged(), missing, plan.too_large, plan.gone, plan.last)
        except JudgingEnded:
            suspects = tuple(one.key for one in self.fetched if one.raw is not None)
            return Bulk((), missing, plan.too_large, plan.gone, plan.last, suspects)


@dataclass(frozen=True)
class _Plan:
    keys: tuple[Key, ...]
    too_large: tuple[tuple[Key, int], ...]
    gone: tuple[Key, ...]
    last: Key


def plan_batches(keys: Sequence[Key], sizes: dict[Key, int], limit: int) -> list[_Plan]:
    """Cut keys, in their order, into batches bounded by count and bytes; what is over the limit is not read."""
    plans: list[_Plan] = []
    batch: list[Key] = []
    large: list[tuple[Key, int]] = []
    gone: list[Key] = []
    weight = 0
    for key in keys:
        size = sizes.get(key)
        if size is not None and size <= limit and batch and weight + size > BATCH_BYTES:
            plans.append(_Plan(tuple(batch), tuple(large), tuple(gone), batch[-1]))
            batch, large, gone, weight = [], [], [], 0
        if size is None:
            gone.append(key)
        elif size > limit:
            large.append((key, size))
        else:
            batch.append(key)
            weight += size
        if len(batch) + len(large) + len(gone) >= BATCH_MESSAGES:
            plans.append(_Plan(tuple(batch), tuple(large), tuple(gone), key))
            batch, large, gone, weight = [], [], [], 0
    if batch or large or gone:
        plans.append(_Plan(tuple(batch), tuple(large), tuple(gone), keys[-1]))
    return plans


def read_ahead(line: Line, keys: Sequence[Key], limit: int, judge: Judge) -> Iterator[Bulk]:
    """The messages of these keys in batches; while one is taken in, the next are being read and judged."""
    coming: deque[Future[_Coming]] = deque()
    for plan in _plans(line, keys, limit):
        coming.append(line.order(_read, line.source, plan, judge))
        if len(coming) > AHEAD:
            yield coming.popleft().result().bulk()
    while coming:
        yield coming.popleft().result().bulk()


def _plans(line: Line, keys: Sequence[Key], limit: int) -> Iterator[_Plan]:
    for start in range(0, len(keys), SIZES_AT_ONCE):
        chunk = keys[start : start + SIZES_AT_ONCE]
        yield from plan_batches(chunk, line.ask(line.source.sizes, chunk), limit)


def _read(source: Source, plan: _Plan, judge: Judge) -> _Coming:
    fetched = tuple(source.fetch(plan.keys)) if plan.keys else ()
    fp("K2")
    return _Coming(plan, fetched, judge.order([one for one in fetched if one.raw is not None]))
