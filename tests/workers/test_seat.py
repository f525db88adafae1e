"""Where a worker computes."""

import os
import threading
from collections.abc import Set
from datetime import timedelta

import pytest
from sqlmodel import Session

from core import clock
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Worker
from core.workers.seat import Seat, processors_for
from tests import waiting
from tests.accounts import ON_SQLITE
from tests.workers.working import at_work

FOUR = frozenset({0, 1, 4, 5})


@pytest.mark.parametrize(
    ("workers", "processors"),
    [
        pytest.param([7], FOUR, id="alone"),
        pytest.param([6, 7, 8], FOUR, id="a processor is free"),
        pytest.param([5, 6, 7, 8], {4}, id="one each"),
        pytest.param([4, 5, 6, 7, 8], FOUR, id="one too many"),
        pytest.param([1, 2, 3, 4, 5, 6, 8, 7], {5}, id="two each"),
        pytest.param([1, 2, 3, 4], FOUR, id="not among them yet"),
        pytest.param([], FOUR, id="nobody is known"),
    ],
)
def test_a_worker_has_a_processor_of_its_own_when_each_has_a_worker(workers: list[int], processors: Set[int]) -> None:
    assert processors_for(7, workers, FOUR) == processors


def test_one_processor_for_all_stays_it() -> None:
    assert processors_for(7, [6, 7], {3}) == {3}


@ON_SQLITE
def test_all_threads_of_a_worker_keep_to_its_processor_while_it_works(handles: Handles) -> None:
    allowed = os.sched_getaffinity(0)
    others = range(len(allowed) - 1)
    _add(handles, os.getpid())
    for number in others:
        _add(handles, -1 - number)
    with at_work(lambda stop: Seat(handles, stop).run()):
        waiting.until(lambda: len(os.sched_getaffinity(threading.main_thread().native_id or 0)) == 1)

    assert os.sched_getaffinity(0) == allowed


@ON_SQLITE
def test_workers_elsewhere_and_dead_ones_do_not_count(handles: Handles) -> None:
    _add(handles, os.getpid())
    _add(handles, -1, host="elsewhere")
    _add(handles, -2, silent_for=WORKER_ALIVE_FOR * 2)
    _add(handles, os.getpid())

    assert Seat(handles, threading.Event())._workers() == [os.getpid()]


def _add(handles: Handles, pid: int, *, host: str = "", silent_for: timedelta = timedelta(0)) -> None:
    now = clock.utcnow()
    row = Worker(
        id=f"{pid} {host} {clock.monotonic()}",
        host=host or handles.host,
        pid=pid,
        started_at=now,
        heartbeat_at=now - silent_for,
    )

    def add(session: Session) -> None:
        session.add(row)

    handles.database.writing(add)
