"""How long one `postroom.enqueue` takes to be durable while workers take in mail as fast as they can.

    python -m benchmarks.enqueueing [--workers 4] [--accounts 8] [--messages 3000] [--pause 0.02] [--postgres]

So many `postroom --worker --only fetch` processes share the accounts of one Dovecot; this process puts one message
after another into the outbox, with a pause by lot between them, until the workers have taken in everything.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.peers.peer import Source
from benchmarks.peers.postroom import command, configure
from benchmarks.peers.workers import wait_until, working
from benchmarks.peers.world import ROOM, World
from core.db.bulk import table_of
from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Message
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postgres import Postgres
from tui.demo.dovecot_config import DovecotOptions

LETTER = b"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: one\r\n\r\nHello Bob\r\n"

WARM_UP = 5
"""Messages put in before anything is measured: imports, the first connection."""

LOOK = 0.2
"""Seconds between two looks at how much was taken in."""


def main() -> None:
    wanted = _wanted()
    with tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder, _database(on_postgres=wanted.postgres) as url:
        place = Path(folder)
        if url:
            os.environ["POSTROOM_DATABASE_URL"] = url
        os.environ["POSTROOM_HOME"] = str(place / "home")
        certificates = make_certificates(place / "certificates")
        with DovecotServer(certificates.good, users={}, options=DovecotOptions(extra=ROOM)) as server:
            source = World(server).source("imap", is_tls=False, messages=wanted.messages, users=wanted.accounts)
            configure(place, source, slots=-(-wanted.accounts // wanted.workers), processes=wanted.workers)
            handles = open_gateway(read_environment())
            _measure(handles, place, source, wanted)
            handles.close()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--messages", type=int, default=3000, help="in each account")
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two, in the mean")
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args()


def _measure(handles: Handles, place: Path, source: Source, wanted: argparse.Namespace) -> None:
    import postroom

    for _ in range(WARM_UP):
        postroom.enqueue(LETTER)
    idle = [_enqueue(wanted.pause) for _ in range(50)]
    print(_line("nobody else writes", idle), flush=True)
    with working([command(place, "--worker", "--only", "fetch")] * wanted.workers) as workers:
        wait_until(lambda: _taken_in(handles) > 0, workers)
        began, at_first = time.perf_counter(), _taken_in(handles)
        latencies, looked_at, taken = [], began, at_first
        while taken < source.messages:
            latencies.append(_enqueue(wanted.pause))
            if time.perf_counter() - looked_at > LOOK:
                looked_at, taken = time.perf_counter(), _taken_in(handles)
        seconds = time.perf_counter() - began
    rate = (source.messages - at_first) / seconds
    print(f"{_line(f'{wanted.workers} workers take in {rate:,.0f} a second', latencies)}")


def _enqueue(pause: float) -> float:
    """Milliseconds of one, after a pause; not in step with the workers' batches."""
    import postroom

    time.sleep(random.uniform(0, 2 * pause))
    began = time.perf_counter()
    postroom.enqueue(LETTER)
    return (time.perf_counter() - began) * 1000


def _taken_in(handles: Handles) -> int:
    with handles.database.reading() as session:
        return int(session.connection().execute(select(func.count()).select_from(table_of(Message))).scalar_one())


def _line(what: str, latencies: Sequence[float]) -> str:
    p50, p95, p99 = (statistics.quantiles(latencies, n=100)[at - 1] for at in (50, 95, 99))
    late = sum(one > 50 for one in latencies) / len(latencies)
    return (
        f"{what}: {len(latencies)} messages, p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, "
        f"longest {max(latencies):.0f} ms, {late:.1%} over 50 ms"
    )


@contextmanager
def _database(*, on_postgres: bool) -> Iterator[str]:
    with Postgres(durable=True) if on_postgres else nullcontext() as server:
        yield server.create_database() if server else ""


if __name__ == "__main__":
    main()
