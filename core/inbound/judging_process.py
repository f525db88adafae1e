"""Judging in a process of its own: where there are two processors, one computes while the other stores.

What kills whoever judges it, or never ends, stops that process and not the run: its messages are then suspects.
Nothing but values goes to and fro: the rules once, then batches of messages and what was found of each.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.reduction import ForkingPickler
from types import MappingProxyType
from typing import Any, NamedTuple

from core import clock
from core.inbound.facts import Bounce, MessageFacts, Rules
from core.inbound.judging import Judged, JudgingEnded, judge_message
from core.inbound.placement import Verdict
from core.mail.headers import Headers
from core.mail.summary import Summary
from core.protocols.source import Fetched

WORTH_IT = 1000
"""Messages from which on a process of its own, which takes a tenth of a second to start, is worth it."""

JUDGE_SECONDS = 120.0
"""How long a batch may take to be judged, the start of the process and the batches before it with it."""

JUDGES_MEANWHILE = True
"""Whether batches are judged on the connection's thread until the process has started."""

MEMORY = 3 << 30
"""Bytes of address space the process may use: a message that needs more kills it, not the machine."""

_NO_HEADERS = Headers()

_one = threading.Lock()
"""Held by the run whose messages are judged in a process: a worker of many runs keeps its processors busy anyway."""


class _Found(NamedTuple):
    """What was found of one message, without what the one who asked has."""

    sha256: str
    received_at: datetime
    reason: str
    detail: str
    verdict: tuple[Summary, Bounce | None, tuple[Any, ...]] | None


@dataclass(frozen=True)
class _Ordered:
    """A batch that is being judged."""

    fetched: tuple[Fetched, ...]
    found: Future[list[_Found]]
    turn: int
    """Of which process; each that is started is one turn."""


class JudgingProcess:
    """Judges batches in the order they are given; started anew after each death."""

    def __init__(self, rules: Rules, named: Callable[[Judged], Judged]) -> None:
        """Start it; `named` says under which key a message is stored."""
        self._rules = rules
        self._named = named
        self._turn = 0
        self._start()

    def order(self, fetched: Sequence[Fetched]) -> Callable[[], tuple[Judged, ...]]:
        """Have a batch judged; what is given back waits for it and is called in the order of the batches.

        Raises:
            JudgingEnded: (when it is called) the process died of the batch or did not end.
        """
        if not self._has_started():
            judged = tuple(self._named(judge_message(one, self._rules, clock.utcnow())) for one in fetched)
            return lambda: judged
        ordered = self._ordered(tuple(fetched))
        return lambda: self._collected(ordered)

    def _ordered(self, fetched: tuple[Fetched, ...]) -> _Ordered:
        turn = self._turn
        try:
            found = self._pool.submit(_judge, fetched, clock.utcnow())
        except (BrokenProcessPool, RuntimeError) as error:
            found = Future()
            found.set_exception(error)
        return _Ordered(fetched, found, turn)

    def _collected(self, ordered: _Ordered) -> tuple[Judged, ...]:
        if ordered.turn != self._turn:
            # It went down with a process that ended of an earlier batch.
            ordered = self._ordered(ordered.fetched)
        try:
            found = ordered.found.result(JUDGE_SECONDS)
        except (BrokenProcessPool, CancelledError, TimeoutError, RuntimeError) as error:
            self.close()
            self._turn += 1
            self._start()
            raise JudgingEnded from error
        return tuple(map(self._judged, ordered.fetched, found))

    def close(self) -> None:
        """End the process, whatever it does."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
            process.join()

    def _start(self) -> None:
        # Not forked: threads of this process may hold locks that nobody would ever release in a copy.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._rules,))
        self._first = self._pool.submit(os.getpid)

    def _has_started(self) -> bool:
        """Whether it is there to judge; one that does not start at all is nobody's fault, and not waited for."""
        if not JUDGES_MEANWHILE:
            return True
        return self._first.done() and not self._first.cancelled() and self._first.exception() is None

    def _judged(self, fetched: Fetched, found: _Found) -> Judged:
        verdict = None
        if found.verdict is not None:
            summary, bounce, rest = found.verdict
            facts = MessageFacts(
                _NO_HEADERS, summary, found.received_at, folder=fetched.key.folder, sha256=found.sha256, bounce=bounce
            )
            verdict = Verdict(facts, self._rules, *rest)
        raw = fetched.raw or b""
        judged = Judged(
            fetched.key, fetched.key, raw, found.sha256, found.received_at, verdict, found.reason, found.detail
        )
        return self._named(judged)


@contextmanager
def judging_process(messages: int, rules: Rules, named: Callable[[Judged], Judged]) -> Iterator[JudgingProcess | None]:
    """A process for so many messages; `None` where it is not worth it, or another run of this worker has one.

    Args:
        messages: how many are to be judged.
        rules: by what.
        named: says under which key a message is stored.
    """
    is_worth_it = messages >= WORTH_IT and (os.cpu_count() or 1) > 1 and _can_travel(rules)
    if not is_worth_it or not _one.acquire(blocking=False):
        yield None
        return
    try:
        with closing(JudgingProcess(rules, named)) as process:
            yield process
    finally:
        _one.release()


def _can_travel(rules: Rules) -> bool:
    try:
        ForkingPickler.dumps(rules)
    except Exception:  # noqa: BLE001 - whatever a record type of a package raises: then it is asked here
        return False
    return True


# -- in the process ---------------------------------------------------------------------------------------------------

_rules: Rules | None = None


def _begin(rules: Rules) -> None:
    import resource

    global _rules  # noqa: PLW0603 - what a process of a pool is begun with has no other place
    _rules = rules
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # A signal to the whole group is for whoever holds the run: this one ends when its input does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Of a parent that is killed nothing else tells: this process holds both ends of the pipe it waits at.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _judge(batch: tuple[Fetched, ...], now: datetime) -> list[_Found]:
    assert _rules is not None
    return [_found(judge_message(one, _rules, now)) for one in batch]


def _found(judged: Judged) -> _Found:
    verdict = judged.verdict
    of = None
    if verdict is not None:
        rest = (
            verdict.sender,
            verdict.own,
            verdict.trail,
            verdict.complaints,
            verdict.ending,
            verdict.controls,
            verdict.candidates,
            verdict.dispatched,
            verdict.draft,
        )
        of = (verdict.facts.summary, verdict.facts.bounce, rest)
    return _Found(judged.sha256, judged.received_at, judged.reason, judged.detail, of)


ForkingPickler.register(MappingProxyType, lambda values: (MappingProxyType, (dict(values),)))
