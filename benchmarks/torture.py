"""Everything goes wrong at once, for a minute; then what is promised is looked at, promise by promise.

    python -m benchmarks.torture [--seconds 60] [--postgresql] [--seed 1]

Three workers fetch from a real Dovecot (keep, delete and move, IMAP and POP3) and send to a sink, while mail goes on
coming and being handed in. Meanwhile workers are killed, stopped and ended, connections cut, the mail server crashes,
the sink refuses, takes without saying so and hangs up, and the database is locked or crashes. Then there is peace, the
leases of the dead run out, and each promise of `benchmarks.torture_checks` is told as kept or broken. The same seed
orders the same faults; when they strike is chance.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.torture_checks import PROMISES, nothing_is_left_open
from benchmarks.torture_world import World
from core.db.engine import sqlite_module
from tests.servers.smtp import Action, Phase

PEACE = 300.0
"""Seconds in which all must be settled once nothing goes wrong any more: leases last a minute, waits some seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-torture-")))
        world = stack.enter_context(World(folder, wanted.seed, on_postgres=wanted.postgresql))
        suffered = _torture(world, wanted.seconds)
        peace = _peace(world)
        print(f"{world.summary()}; {_told(suffered)}; settled after {peace:.0f} s of peace", flush=True)
        broken = [name for name, promise in PROMISES.items() if not _is_kept(name, promise, world)]
    sys.exit(1 if broken else 0)


def _torture(world: World, seconds: float) -> Counter[str]:
    """Faults in random order while mail comes and goes; gives back how often each struck."""
    faults = [_kill, _kill, _stop_for_a_while, _end, _cut, _cut, _crash_mail_server, _refuse, _shake_database]
    suffered: Counter[str] = Counter()
    over = threading.Event()
    loads = [threading.Thread(target=load, args=(over,)) for load in (world.mail_comes, world.mail_is_handed_in)]
    for load in loads:
        load.start()
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(world.chance.uniform(0.3, 2.0))
            fault = world.chance.choice(faults)
            fault(world)
            suffered[fault.__name__.strip("_").replace("_", " ")] += 1
            world.start_workers()
    finally:
        over.set()
        for load in loads:
            load.join()
    return suffered


def _peace(world: World) -> float:
    """Nothing goes wrong any more; gives back after how many seconds nothing was open."""
    world.sink.clear_rules()
    began = time.monotonic()
    while nothing_is_left_open(world) and time.monotonic() < began + PEACE:
        world.start_workers()  # one that was told to end may have taken its time
        time.sleep(1.0)
    took = time.monotonic() - began
    world.stop_workers()
    return took


def _is_kept(name: str, promise: Callable[[World], list[str]], world: World) -> bool:
    broken = promise(world)
    print(f"{'BROKEN' if broken else 'kept  '} {name}", flush=True)
    for line in broken[:5]:
        print(f"       {line}", flush=True)
    return not broken


def _told(suffered: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(suffered.items()))


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def _kill(world: World) -> None:
    world.any_worker().kill()


def _end(world: World) -> None:
    world.any_worker().terminate()


def _stop_for_a_while(world: World) -> None:
    worker = world.any_worker()
    worker.send_signal(signal.SIGSTOP)
    time.sleep(world.chance.uniform(0.5, 4.0))
    worker.send_signal(signal.SIGCONT)


def _cut(world: World) -> None:
    world.chance.choice(world.proxies).cut_all(reset=world.chance.random() < 0.5)


def _crash_mail_server(world: World) -> None:
    world.dovecot.kill()
    time.sleep(world.chance.uniform(0, 2.0))
    world.dovecot.start()


def _refuse(world: World) -> None:
    """The next message meets one of these."""
    world.sink.clear_rules()
    where, what = world.chance.choice(
        [
            (Phase.CONNECT, "421 4.3.2 Come back later"),
            (Phase.RCPT, "451 4.3.0 Come back later"),
            (Phase.DOT, "451 4.3.0 Come back later"),
            (Phase.DOT, Action.DROP),
            (Phase.DOT, Action.TAKE_THEN_DROP),
            (Phase.DATA, Action.DROP),
        ]
    )
    world.sink.rule(where, what, first=world.chance.randrange(1, 4))


def _shake_database(world: World) -> None:
    """Somebody else holds the lock for long, or the server crashes."""
    if world.postgres is not None:
        world.postgres.restart()
        return
    somebody = sqlite_module().connect(world.environment.database_file, timeout=30, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    time.sleep(world.chance.uniform(0.5, 5.0))
    somebody.execute("ROLLBACK")
    somebody.close()


if __name__ == "__main__":
    main()
