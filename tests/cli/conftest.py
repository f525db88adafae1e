"""Commands as scripts run them: each in a process and a home of its own, without a terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli import forked
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]

DEADLINE = PATIENCE


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of `--json`, one a line, and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs `postroom` on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._started: list[subprocess.Popen[bytes]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
        self.variables = {**kept, "POSTROOM_HOME": str(home), "PYTHONWARNINGS": "error", "COLUMNS": "100"}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tui.cli", *words]

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self.command(*words), cwd=ROOT, env=self.variables,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )  # fmt: skip
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a test that failed has left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                with process:
                    pass  # closes its pipes, and waits

    def __call__(self, *words: str, stdin: bytes = b"") -> Ended:
        code, out, err = forked.run(words, self.variables, stdin, DEADLINE)
        return Ended(code, out.decode(), err.decode())

    def ok(self, *words: str, stdin: bytes = b"") -> Ended:
        """Run what must succeed."""
        done = self(*words, stdin=stdin)
        assert done.code == 0, f"{words}: {done}"
        return done


@pytest.fixture
def postroom(tmp_path: Path) -> Iterator[Shell]:
    """`postroom` on a home that is not there yet."""
    shell = Shell(tmp_path / "home")
    yield shell
    shell.close()


@pytest.fixture
def new_shell(tmp_path: Path) -> Callable[[str], Shell]:
    """More of them."""
    return lambda name: Shell(tmp_path / name)


AddAccount = Callable[..., str]
"""Given a name, words of `add account` that differ, and a password; gives back the user."""


@pytest.fixture
def add_account(postroom: Shell, dovecot: DovecotServer, certificates: Certificates) -> AddAccount:
    """Adds an account on the real server; gives back its user."""

    def add(name: str, *words: str, password: str = "secret") -> str:
        user = dovecot.fresh_user()
        given = ["type=IMAPS", f"host={dovecot.host}", f"port={dovecot.ports.imaps}", f"username={user}"]
        chosen = {word.partition("=")[0]: word for word in [*given, f"tls_ca={certificates.good.authority}", *words]}
        postroom.ok("add", "account", name, *chosen.values(), "--password-stdin", stdin=password.encode() + b"\n")
        return user

    return add
