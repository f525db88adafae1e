"""Reading from the server in bounded batches, the next one read and judged while the last is taken in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from core.errors import Shortage, Throttled, WireError
from core.failpoints import fp
from core.inbound.decisions.judging import Judged
from core.inbound.server.connection import Connection, came
from core.protocols.source import Fetched, Key, Missing, Source
from core.shortage import shortage_of

BATCH_MESSAGES = 100
BATCH_BYTES = 4 << 20
"""A batch is taken in by one transaction: these bounds keep it near 25 ms."""

AHEAD = 2
"""Batches that are read while one is taken in: a slow commit must not leave the connection idle."""

SIZES_AT_ONCE = 1000
"""How many sizes are asked for in one command."""


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
    cut_off: WireError | Shortage | None = None
    """Why not all of it came: the connection is lost, or there is no memory for a message. What came whole is here; of
    the rest only the first is told as `missing`, and nothing is settled."""
    of_other_size: int = 0
    """How many came in another size than the server had announced."""


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


def load_of(judged: Sequence[Judged]) -> float:
    """How much of a full batch these are: 1.0 at most."""
    size = sum(len(one.raw) for one in judged)
    return min(1.0, max(len(judged) / BATCH_MESSAGES, size / BATCH_BYTES))


def read_ahead(
    connection: Connection,
    keys: Sequence[Key],
    limit: int,
    judge: Callable[[Fetched], Judged],
    gives_up: Callable[[], bool],
) -> Iterator[Bulk]:
    """The messages of these keys in batches; while one is taken in, the next are being read and judged.

    `judge` runs on the connection's thread: taking in waits for the disk, judging for the processor. Once the run gives
    up, what has not come yet is waited for no longer; what was ordered is not begun when nobody wants it any more.
    """
    coming: deque[Future[Bulk]] = deque()
    try:
        for plan, following in _with_next(_plans(connection, keys, limit)):
            coming.append(connection.order(_read, connection.source, plan, following, judge))
            if len(coming) > AHEAD:
                if not came(coming[0], gives_up):
                    return
                yield coming.popleft().result()
        while coming and came(coming[0], gives_up):
            yield coming.popleft().result()
    finally:
        for ordered in coming:
            ordered.cancel()


def _with_next(plans: Iterable[_Plan]) -> Iterator[tuple[_Plan, tuple[Key, ...]]]:
    """Each plan, with the messages of the one after it."""
    last: _Plan | None = None
    for plan in plans:
        if last is not None:
            yield last, plan.keys
        last = plan
    if last is not None:
        yield last, ()


def _plans(connection: Connection, keys: Sequence[Key], limit: int) -> Iterator[_Plan]:
    coming: deque[tuple[Sequence[Key], Future[dict[Key, int]]]] = deque()
    for start in range(0, len(keys), SIZES_AT_ONCE):
        chunk = keys[start : start + SIZES_AT_ONCE]
        coming.append((chunk, connection.order(connection.source.sizes, chunk)))
        # The sizes of the next are asked for before the first of these are read, so that nobody waits for them.
        if len(coming) > 1:
            yield from _planned(*coming.popleft(), limit)
    for chunk, sizes in coming:
        yield from _planned(chunk, sizes, limit)


def _planned(keys: Sequence[Key], sizes: Future[dict[Key, int]], limit: int) -> list[_Plan]:
    return plan_batches(keys, sizes.result(), limit)


def _read(source: Source, plan: _Plan, following: Sequence[Key], judge: Callable[[Fetched], Judged]) -> Bulk:
    try:
        fetched = source.fetch(plan.keys, following) if plan.keys else []
    except WireError as lost:
        if source.is_usable:
            raise
        return _cut_off(source, plan, judge, lost)
    except MemoryError as error:
        source.drop()  # in the middle of an answer
        return _cut_off(source, plan, judge, shortage_of(error) or Shortage())
    fp("K2")
    judged = tuple(judge(one) for one in fetched if one.raw is not None)
    missing = tuple(one for one in fetched if one.raw is None)
    of_other_size = sum(one.raw is not None and one.size not in (0, len(one.raw)) for one in fetched)
    return Bulk(judged, missing, plan.too_large, plan.gone, plan.last, of_other_size=of_other_size)


def _cut_off(source: Source, plan: _Plan, judge: Callable[[Fetched], Judged], lost: WireError | Shortage) -> Bulk:
    """What came whole before the connection broke: a connection that never lasts for a whole batch brings mail, too."""
    arrived = source.arrived(plan.keys)
    here = {one.key for one in arrived}
    # A server that asks for peace means all, and no message is to blame.
    broken_at = [] if isinstance(lost, Throttled) else [key for key in plan.keys if key not in here][:1]
    missing = tuple(Fetched(key, None, 0, None, Missing.CUT_OFF) for key in broken_at)
    return Bulk(tuple(judge(one) for one in arrived), missing, (), (), plan.last, cut_off=lost)
