"""What sending promises, at volume: turns shared fairly over processes; kills that lose nothing and double little.

    python -m benchmarks.sending_promise [--turns 9000] [--killed 5000] [--kills 100] [--postgres]

The sink's ledger is compared with the outbox: every message is there, and more than once only as often as its history
says that it was uncertain.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

from sqlalchemy import func, select, update
from sqlmodel import Session

from benchmarks.opened import opened
from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingMessage
from tests.crash.test_sender_kills import check, let_leases_run_out
from tests.outbound.world import add_mailbox, attempts, put, states
from tests.servers.smtp import RuledSink

WORKERS = 4
CONNECTIONS = 4
WINDOW = 16
"""Messages that a kill may leave uncertain on each connection."""


def main() -> None:
    wanted = _wanted()
    with opened(on_postgres=wanted.postgres) as handles:
        _turns(handles, wanted.turns)
    with opened(on_postgres=wanted.postgres) as handles:
        _kills(handles, wanted.killed, wanted.kills)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9000)
    parser.add_argument("--killed", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args()


def _turns(handles: Handles, messages: int) -> None:
    """Three mailboxes, four workers, of which one is killed on the way and started anew."""
    sinks = [RuledSink() for _ in range(3)]
    for number, sink in enumerate(sinks):
        sink.start()
        add_mailbox(handles, f"m{number}", sink)
    message_ids = put(handles, messages)
    workers = [_worker(handles) for _ in range(WORKERS)]
    while sum(len(sink.deliveries) for sink in sinks) < messages // 3:
        time.sleep(0.05)
    workers[0].kill()
    workers[0].wait()
    workers[0] = _worker(handles)
    _wait_until_sent(handles, messages)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    ends = [worker.wait(60) for worker in workers]
    copies = check(handles, _together(sinks), message_ids)
    made = Counter(attempt.mailbox for attempt in attempts(handles) if attempt.outcome in ("sent", "uncertain"))
    first = Counter(
        {
            attempt.outgoing_id: attempt.mailbox
            for attempt in reversed(attempts(handles))
            if attempt.outcome != "passed over"
        }.values()
    )
    third = messages / 3
    shares = ", ".join(f"{name} {count} ({(count - third) / third:+.2%})" for name, count in sorted(first.items()))
    print(f"{messages} messages, three mailboxes, four workers, one killed and started anew: {shares}")
    extra = sum(copies.values()) - messages
    print(f"  tries {dict(sorted(made.items()))}; {extra} copies, each said to be uncertain; exits {ends}")
    for sink in sinks:
        sink.stop()
    assert all(abs(count - third) <= third / 100 for count in first.values())


def _kills(handles: Handles, messages: int, kills: int) -> None:
    """One sender, killed so many times at any moment while it sends."""
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    with RuledSink() as sink:
        add_mailbox(handles, "main", sink)
        message_ids = put(handles, messages)
        worst = done = 0
        while done < kills:
            before = len(sink.deliveries)
            if len(set(states(handles))) == 1 and before:
                message_ids += put(handles, messages // 5)
            process = _pass(handles)
            sink.wait_for(before + 1, within=30)
            time.sleep(chance.uniform(0, 0.06))
            process.kill()
            process.wait()
            done += 1
            worst = max(worst, _handed_over(handles))
            let_leases_run_out(handles)
        for _ in range(6):
            let_leases_run_out(handles)
            _pass(handles).wait()
            if set(states(handles)) == {"sent"}:
                break
        copies = check(handles, sink, message_ids)
    uncertain = sum(attempt.outcome == "uncertain" for attempt in attempts(handles))
    print(
        f"{len(message_ids)} messages, {done} kills (seed {seed}): none missing; at most {worst} handed over at a kill "
        f"({CONNECTIONS} connections), {uncertain} uncertain in all, {sum(copies.values()) - len(message_ids)} copies"
    )
    assert worst <= WINDOW * CONNECTIONS


def _handed_over(handles: Handles) -> int:
    with handles.database.reading() as session:
        table = table_of(OutgoingMessage)
        asked = select(func.count()).where(table.c.state == "sending", table.c.handing_over.is_(True))
        return int(session.connection().execute(asked).scalar_one())


def _wait_until_sent(handles: Handles, messages: int) -> None:
    table = table_of(OutgoingMessage)

    def hurry(session: Session) -> None:
        # As if the back-off of what the lost worker left uncertain were over.
        waiting = update(table).where(table.c.state == "uncertain").values(next_attempt_at=clock.utcnow())
        session.connection().execute(waiting)

    while Counter(states(handles))["sent"] < messages:
        time.sleep(0.5)
        handles.database.writing(hurry)


def _together(sinks: list[RuledSink]) -> RuledSink:
    whole = RuledSink()
    for sink in sinks:
        for delivered in sink.deliveries:
            whole.keep(delivered)
    return whole


def _worker(handles: Handles) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tui.cli", "--worker", "--only", "send"]
    return subprocess.Popen(words, env=_variables(handles), stderr=subprocess.DEVNULL)


def _pass(handles: Handles) -> subprocess.Popen[bytes]:
    orders = "from core.outbound.sending.deliver import deliver_due; from core.gateway import open_gateway; "
    orders += "from core.environment import read_environment; deliver_due(open_gateway(read_environment()))"
    words = [sys.executable, "-c", orders]
    return subprocess.Popen(words, env=_variables(handles), stderr=subprocess.DEVNULL)


def _variables(handles: Handles) -> dict[str, str]:
    environment = handles.environment
    return {**os.environ, "POSTROOM_HOME": str(environment.home), "POSTROOM_DATABASE_URL": environment.database_url}


if __name__ == "__main__":
    main()
