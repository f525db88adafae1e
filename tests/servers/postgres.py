"""A private PostgreSQL cluster in a temporary folder, and fresh databases in it."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from tui.demo.ports import free_port

READY_WITHIN = 60.0
"""Seconds for initdb and for the start; both together take about one."""

_NUMBERS = count(1)


class Postgres:
    """One cluster: loopback port and Unix socket, no passwords. Run by `postgres` when we are root."""

    def __init__(self, *, durable: bool = True) -> None:
        self.durable = durable
        self.host = "127.0.0.1"
        self.port = free_port(self.host)
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self._run(
            "initdb", "--pgdata", str(self.folder / "data"), "--auth=trust", "--username=postgres", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start, and wait until it answers; on the same port as before."""
        speed = () if self.durable else ("-c", "synchronous_commit=off", "-c", "full_page_writes=off")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(find_program("postgres")), "-D", str(self.folder / "data"), "-k", str(self.folder),
                    "-h", self.host, "-p", str(self.port), "-c", "max_connections=200", *speed,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, user=self._user, group=self._group,
            )  # fmt: skip
        atexit.register(self.close)
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            assert self._process.poll() is None, f"PostgreSQL did not start: {self.log()[-2000:]}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {self.log()[-2000:]}"
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT breaks connections off in order ("fast"), SIGQUIT as a crash does ("immediate")."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(30)
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End and start again, as a crash by default."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """End it and remove all data."""
        atexit.unregister(self.close)
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, template: str | None = None) -> str:
        """A new database, empty or copied from another of this cluster (by name); gives back its URL."""
        name = f"postroom_{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Copying files instead of logging each page: three times as fast for a database that is not precious.
            command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        return self.url(name)

    def url(self, database: str) -> str:
        """Where a database of this cluster is."""
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def log(self) -> str:
        """What the server has written to its log."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _user(self) -> int | None:
        return self.owner.pw_uid if os.geteuid() == 0 else None

    @property
    def _group(self) -> int | None:
        return self.owner.pw_gid if os.geteuid() == 0 else None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(find_program(program)), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=READY_WITHIN, cwd=self.folder,
            user=self._user, group=self._group, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr.decode(errors='replace')}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def find_program(name: str) -> Path:
    """The newest PostgreSQL's program; Debian keeps them out of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = debian[-1] if debian else shutil.which(name)
    assert found is not None, f"{name} is not installed: apt-get install postgresql"
    return Path(found)
