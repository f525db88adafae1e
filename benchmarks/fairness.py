"""Whether any account keeps others waiting: a thousand accounts, among them one that never answers, one that drips a
byte a second and one with fifty thousand messages; how late does the latest of all the others start?

    python -m benchmarks.fairness [--accounts 1000] [--each 4] [--large 50000] [--interval 120] [--minutes 6]
                                  [--workers 1]

All accounts are due at the same moment, then each so many seconds after its last run. One Dovecot listens on as many
loopback addresses as there are servers (`--each` accounts on one: `--each 1000` is one provider for all); the worker is
a process of its own, with the settings as they come. The machine must have room: a thousand connections wait in IDLE
meanwhile (`--idle-max 0`: none).
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from benchmarks.idling import ROOM_FOR_MANY
from benchmarks.peers.postroom import command
from core import clock
from core.db import bulk
from core.db.bulk import table_of
from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.models import AccountStatus, Run, Setting
from tests.accounts import add_account, message
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.dovecot_config import DovecotOptions

BOUND = 60.0
"""Seconds after its due time by which every account must have begun."""

ON_ALL_ADDRESSES = "listen = 0.0.0.0\n"


@dataclass(frozen=True)
class Late:
    """One run and how long after its due time it began."""

    account: str
    seconds: float
    is_first: bool


def main() -> None:
    wanted = _wanted()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-bench-")))
        certificates = make_certificates(folder / "certificates")
        users = {f"user{number}": "secret" for number in range(wanted.accounts)} | {"large": "secret"}
        options = DovecotOptions(extra=ROOM_FOR_MANY + ON_ALL_ADDRESSES)
        server = stack.enter_context(DovecotServer(certificates.good, users=users, options=options))
        handles = open_gateway(read_environment({}, home=str(folder / "home")))
        stack.callback(handles.close)
        print("filling mailboxes …", flush=True)
        for number in range(wanted.accounts):
            server.deliver(f"user{number}", [message(f"{number}-{one}") for one in range(3)])
        server.deliver("large", (message(f"large-{one}") for one in range(wanted.large)))
        _add_accounts(stack, handles, server, wanted)
        due = _work(handles, folder, wanted)
        _report(_lates(handles, due, wanted))


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--large", type=int, default=50_000)
    parser.add_argument("--interval", type=int, default=120)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--idle-max", type=int, default=1000)
    return parser.parse_args()


def _add_accounts(stack: ExitStack, handles: Handles, server: DovecotServer, wanted: argparse.Namespace) -> None:
    setting = {"name": "idle_max", "value": wanted.idle_max}
    handles.database.writing(lambda session: bulk.upsert(session, Setting, [setting]))
    for number in range(wanted.accounts):
        place = number // wanted.each
        host = f"127.1.{place // 250}.{place % 250 + 1}"
        user = f"user{number}"
        add_account(handles, name=user, username=user, host=host, port=server.ports.imap, interval=wanted.interval)
    common = {"username": "large", "interval": wanted.interval}
    add_account(handles, name="large", host="127.2.0.1", port=server.ports.imap, **common)
    add_account(handles, name="silent", host="127.2.0.2", port=stack.enter_context(_answering(_say_nothing)), **common)
    add_account(handles, name="dripping", host="127.2.0.3", port=stack.enter_context(_answering(_drip)), **common)


def _work(handles: Handles, folder: Path, wanted: argparse.Namespace) -> datetime:
    """Let workers work; gives back when all were due for the first time."""
    table = table_of(AccountStatus)
    now = clock.utcnow()
    handles.database.writing(lambda session: session.connection().execute(update(table).values(due_at=now)))
    worker = command(folder, "--worker", "--only", "fetch")
    workers = [subprocess.Popen(worker.words, env=worker.variables) for _ in range(wanted.workers)]
    print(
        f"{wanted.accounts + 3} accounts are due; {wanted.workers} worker(s) for {wanted.minutes} minutes", flush=True
    )
    began = time.monotonic()
    while time.monotonic() - began < wanted.minutes * 60:
        time.sleep(1)
        if any(one.poll() is not None for one in workers):
            raise SystemExit("a worker ended")
    for one in workers:
        one.send_signal(signal.SIGTERM)
    for one in workers:
        one.wait(120)
    return now


def _report(lates: Sequence[Late]) -> None:
    print(f"\n{'accounts':<34}{'runs':>7}{'median':>9}{'p99':>9}{'latest':>9}  seconds after the due time")
    for title, those in _groups(lates):
        if those:
            ordered = sorted(one.seconds for one in those)
            at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
            print(f"{title:<34}{len(ordered):>7,}{at[0]:>9.1f}{at[1]:>9.1f}{ordered[-1]:>9.1f}")
    others = [one for one in lates if one.account.startswith("user")]
    latest = max(others, key=lambda one: one.seconds)
    verdict = "every other account began in time" if latest.seconds <= BOUND else "TOO LATE"
    print(f"\n{verdict}: the latest, {latest.account}, {latest.seconds:.1f} s after it was due (bound {BOUND:.0f} s)")


def _groups(lates: Sequence[Late]) -> Iterator[tuple[str, list[Late]]]:
    others = [one for one in lates if one.account.startswith("user")]
    yield "the others, all due at once", [one for one in others if one.is_first]
    yield "the others, from then on", [one for one in others if not one.is_first]
    for name in ("large", "silent", "dripping"):
        yield name, [one for one in lates if one.account == name]


def _lates(handles: Handles, due: datetime, wanted: argparse.Namespace) -> list[Late]:
    table = table_of(Run)
    asked = select(table.c.account, table.c.started_at, table.c.ended_at).order_by(table.c.id)
    with handles.database.reading() as session:
        rows = session.connection().execute(asked).all()
    runs: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for account, started_at, ended_at in rows:
        runs[account].append((started_at, ended_at))
    if missing := wanted.accounts - sum(name.startswith("user") for name in runs):
        raise SystemExit(f"{missing} accounts were never begun")
    return [late for account, those in runs.items() for late in _of_account(account, those, due, wanted.interval)]


def _of_account(
    account: str, runs: Sequence[tuple[datetime, datetime | None]], due: datetime, interval: int
) -> Iterator[Late]:
    for number, (started_at, ended_at) in enumerate(runs):
        # A run that ended at its bound of messages, or was called by IDLE, is followed by one before its time.
        yield Late(account, max(0.0, (started_at - due).total_seconds()), is_first=number == 0)
        if ended_at is None:
            return
        due = ended_at + timedelta(seconds=interval)


@contextmanager
def _answering(manner: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on all addresses that treats each client in its manner."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, manner), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, manner: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=manner, args=(client,), daemon=True).start()


def _say_nothing(client: socket.socket) -> None:
    with suppress(OSError), client:
        while client.recv(4096):
            pass


def _drip(client: socket.socket) -> None:
    with suppress(OSError), client:
        for byte in b"* OK " + b"drip " * 10_000:
            client.sendall(bytes([byte]))
            time.sleep(1)


if __name__ == "__main__":
    main()
