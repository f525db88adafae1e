"""Postroom's workers as an administrator has them: they are running when there is something to fetch."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.peers.peer import Command, Measured, Peer, Source
from benchmarks.peers.postroom import command, configure, taken_in
from benchmarks.peers.running import watched_memory
from core.db.bulk import table_of
from core.db.doors import Database
from core.models import Run
from core.services.looking.overview import live_workers
from core.workers import seat

SETTLED = seat.LOOK + 1
"""Seconds in which those that have just started come to know of each other."""

LOOK = 0.2
"""Seconds between two looks at how far they are."""


def workers(count: int = 1) -> Peer:
    """Workers that have started before they are told of the accounts.

    What is timed goes from the beginning of the first run to the end of the last, as the runs themselves say.
    """

    def play(source: Source, place: Path) -> Measured:
        configure(place, replace(source, users=()), processes=count)
        database = Database(f"sqlite:///{place / 'home' / 'postroom.db'}")
        with working([command(place, "--worker", "--only", "fetch")] * count) as processes:
            wait_until(lambda: _alive(database) == count, processes)
            time.sleep(SETTLED)
            with watched_memory([one.pid for one in processes]) as memory:
                os.sync()
                configure(place, source, processes=count)
                wait_until(lambda: _ended(database) == len(source.users), processes)
        seconds = _seconds(database)
        database.close()
        return Measured(seconds, memory.most)

    return Peer("postroom, a running worker" if count == 1 else f"postroom, {count} running workers", play, taken_in)


@contextmanager
def working(commands: Sequence[Command]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run these until the block is left, then have them stop."""
    processes = [subprocess.Popen(one.words, env=one.variables, stdout=subprocess.DEVNULL) for one in commands]
    try:
        yield processes
    finally:
        for one in processes:
            one.send_signal(signal.SIGTERM)
        for one in processes:
            one.wait(60)


def wait_until(is_so: Callable[[], bool], processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Look again and again, as long as all of these run.

    Raises:
        SystemExit: one has ended.
    """
    while not is_so():
        if any(one.poll() is not None for one in processes):
            raise SystemExit("a worker ended")
        time.sleep(LOOK)


def _alive(database: Database) -> int:
    with database.reading() as session:
        return live_workers(session)


def _ended(database: Database) -> int:
    with database.reading() as session:
        return int(session.connection().execute(select(func.count(table_of(Run).c.ended_at))).scalar_one())


def _seconds(database: Database) -> float:
    run = table_of(Run)
    with database.reading() as session:
        began, ended = session.connection().execute(select(func.min(run.c.started_at), func.max(run.c.ended_at))).one()
    return float((ended - began).total_seconds())
