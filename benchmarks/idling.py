"""How much memory and time a worker needs that waits in IDLE on a thousand accounts.

    python -m benchmarks.idling [--accounts 1000] [--plain] [--mails 40]

One Dovecot on loopback with as many users, one worker process. Printed: how long until all connections wait, the
worker's memory then, its processor time while nothing happens, and how long a new message takes to become a record.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from core.db.bulk import table_of
from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.models import AccountStatus, Record
from tests.accounts import add_account, at, message
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.dovecot_config import DovecotOptions

# One imap process for many clients: a thousand processes would each take one of the system's few inotify instances.
ROOM_FOR_MANY = """
default_client_limit = 8000
service imap {
  client_limit = 250
  service_count = 0
  process_limit = 64
  vsz_limit = 2G
}
"""


def main() -> None:
    wanted = _wanted()
    options = DovecotOptions(max_connections_per_user=20, extra=ROOM_FOR_MANY)
    with tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder:
        certificates = make_certificates(Path(folder) / "certificates")
        users = {f"user{number}": "secret" for number in range(wanted.accounts)}
        with DovecotServer(certificates.good, users=users, options=options) as server:
            home = Path(folder) / "home"
            handles = open_gateway(read_environment({}, home=str(home)))
            for user in users:
                add_account(handles, name=user, **at(server, user, "IMAP" if wanted.plain else "IMAPS"))
            _measure(server, handles, home, wanted)
            handles.close()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--mails", type=int, default=40)
    parser.add_argument("--plain", action="store_true")
    return parser.parse_args()


def _measure(server: DovecotServer, handles: Handles, home: Path, wanted: argparse.Namespace) -> None:
    environment = {**os.environ, "POSTROOM_HOME": str(home)}
    words = [sys.executable, "-m", "tui.cli", "--worker", "--only", "fetch"]
    with subprocess.Popen(words, env=environment) as worker:
        try:
            fetched = _until(lambda: _count(handles, AccountStatus, "last_ok_at") >= wanted.accounts, worker)
            print(f"{wanted.accounts} accounts polled for the first time within {fetched:.1f} s", flush=True)
            waiting = _until(lambda: _connections(worker.pid) >= wanted.accounts, worker)
            print(f"all of them wait in IDLE {waiting:.1f} s later", flush=True)
            time.sleep(10)
            before = _processor_seconds(worker.pid)
            time.sleep(20)
            used = (_processor_seconds(worker.pid) - before) / 20
            memory = _memory(worker.pid)
            print(f"connections {_connections(worker.pid)}, memory {memory['VmRSS']:.0f} MB now, "
                  f"{memory['VmHWM']:.0f} MB at most; processor {used:.1%} while nothing happens")  # fmt: skip
            _deliver(server, handles, wanted, worker)
            print(f"afterwards: memory {_memory(worker.pid)['VmHWM']:.0f} MB at most")
        finally:
            worker.send_signal(signal.SIGTERM)
            began = time.perf_counter()
            worker.wait(120)
            print(f"stopped within {time.perf_counter() - began:.1f} s")


def _deliver(
    server: DovecotServer, handles: Handles, wanted: argparse.Namespace, worker: subprocess.Popen[bytes]
) -> None:
    lot = random.Random(1)
    seconds = []
    for number in range(wanted.mails):
        expected = _count(handles, Record, "id") + 1
        server.deliver(f"user{lot.randrange(wanted.accounts)}", [message(f"new{number}")])
        seconds.append(_until(lambda count=expected: _count(handles, Record, "id") >= count, worker))
    print(f"a new message is a record after {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s at most")


def _until(is_so: Callable[[], bool], worker: subprocess.Popen[bytes]) -> float:
    began = time.perf_counter()
    while not is_so():
        if worker.poll() is not None or time.perf_counter() - began > 600:
            raise SystemExit("the worker ended, or it took more than ten minutes")
        time.sleep(0.01)
    return time.perf_counter() - began


def _count(handles: Handles, model: type[AccountStatus] | type[Record], column: str) -> int:
    with handles.database.reading() as session:
        return int(session.connection().execute(select(func.count(table_of(model).c[column]))).scalar_one())


def _connections(pid: int) -> int:
    """Sockets of the worker, besides the two it rings itself with and those kept between polls."""
    count = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += str(one.readlink()).startswith("socket:")
        except OSError:
            continue
    return count - 2 - 8


def _memory(pid: int) -> dict[str, float]:
    """Megabytes of the worker, from the system."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines if words[0] in ("VmRSS:", "VmHWM:")}


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
