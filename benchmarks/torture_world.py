"""The world of `benchmarks.torture`: servers, accounts, workers, and the books of what came and what was handed in."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from core.environment import read_environment
from core.errors import StoreError
from core.gateway import open_gateway
from tests.accounts import add_account, stored
from tests.corpus.generate import mixed_messages
from tests.fakes.holding import is_named
from tests.fakes.proxy import Line, Proxy
from tests.outbound.world import add_mailbox, put, set_setting
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postgres import Postgres
from tests.servers.smtp import RuledSink

WORKERS = (("--worker",), ("--worker", "--only", "fetch"), ("--worker", "--only", "send"))
ACCOUNTS = (("IMAP", "keep"), ("IMAPS", "delete"), ("IMAPS", "move"), ("POP3S", "delete"), ("POP3S", "keep"))
SETTINGS = {"fetch_interval": 3, "loop.records": 0, "retry.first": 2, "retry.longest": 5}
MOVED = "Done"


@dataclass
class Came:
    """One account, and all that was put into its mailbox."""

    id: int
    user: str
    after_fetch: str
    mails: Counter[bytes] = field(default_factory=Counter)


class World:
    """Everything that runs, in a folder of its own."""

    def __init__(self, folder: Path, seed: int, *, on_postgres: bool) -> None:
        self.chance = random.Random(seed)
        self.accounts: list[Came] = []
        self.proxies: list[Proxy] = []
        self.handed_in: list[str] = []
        """Message-IDs of what was taken into the outbox."""
        self.removed_unstored: list[str] = []
        """Commands that took away what was not stored."""
        self.postgres: Postgres | None = None
        self._folder, self._seed, self._on_postgres = folder, seed, on_postgres
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what cannot begin leaves nothing running
            self._stack = stack
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _begin(self) -> None:
        certificate = make_certificates(self._folder / "certificates").good
        self.dovecot = self._stack.enter_context(DovecotServer(certificate, users={}))
        self.sink = self._stack.enter_context(RuledSink())
        if self._on_postgres:
            self.postgres = self._stack.enter_context(Postgres())
        url = self.postgres.create_database() if self.postgres else None
        self.environment = read_environment({}, home=str(self._folder / "home"), database_url=url)
        self.handles = open_gateway(self.environment)
        self._stack.callback(self.handles.close)
        for name, value in SETTINGS.items():
            set_setting(self.handles, name, value)
        for number, (kind, after_fetch) in enumerate(ACCOUNTS):
            self._add_account(number, kind, after_fetch)
        add_mailbox(self.handles, "out", self._behind_proxy(Proxy(self.sink.port)))
        self._stack.callback(self.stop_workers)
        self.start_workers()

    # -- mail ---------------------------------------------------------------------------------------------------------

    def mail_comes(self, over: threading.Event) -> None:
        """A message for some account, again and again."""
        chance = random.Random(self._seed)
        for raw in mixed_messages(10**6, self._seed):
            if over.wait(chance.uniform(0, 0.1)):
                return
            # POP3 gives each message a line end at its end (RFC 1939 §3), whether it had one or not.
            whole = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
            account = chance.choice(self.accounts)
            account.mails[whole] += 1
            self.dovecot.deliver(account.user, [whole])

    def mail_is_handed_in(self, over: threading.Event) -> None:
        """A few messages for the outbox, again and again; the database may not take them just now."""
        chance = random.Random(self._seed + 1)
        while not over.wait(chance.uniform(0, 0.5)):
            try:
                self.handed_in += put(self.handles, chance.randrange(1, 9), to=("bob@example.net", "eve@example.net"))
            except StoreError:
                continue

    # -- workers ------------------------------------------------------------------------------------------------------

    def start_workers(self) -> None:
        """One of each kind, in the place of those that ended."""
        for number, words in enumerate(WORKERS):
            if number == len(self._workers):
                self._workers.append(self._worker(words))
            elif self._workers[number].poll() is not None:
                self._workers[number] = self._worker(words)

    def any_worker(self) -> subprocess.Popen[bytes]:
        """One of them."""
        return self.chance.choice(self._workers)

    def stop_workers(self) -> None:
        """An orderly end of all."""
        for worker in self._workers:
            worker.terminate()
        self.exit_codes = [_exit_code(worker) for worker in self._workers]

    def summary(self) -> str:
        """What was at stake."""
        came = sum(account.mails.total() for account in self.accounts)
        return f"{came} messages came, {len(self.handed_in)} were handed in"

    def _worker(self, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
        variables = {
            "POSTROOM_HOME": str(self.environment.home),
            "POSTROOM_DATABASE_URL": self.environment.database_url,
        }
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tui.cli", *words], env={**os.environ, **variables}, stdout=log, stderr=log
            )

    # -- accounts -----------------------------------------------------------------------------------------------------

    def _add_account(self, number: int, kind: str, after_fetch: str) -> None:
        user = self.dovecot.fresh_user()
        self.dovecot.create_folder(user, MOVED)
        account = Came(0, user, after_fetch)
        ports = self.dovecot.ports
        proxy = Proxy(
            ports.pop3 if kind.startswith("POP3") else ports.imap,
            certificate=self.dovecot.certificate if kind.endswith("S") else None,
            watch=lambda line: self._watch(account, line),
        )
        self._behind_proxy(proxy)
        account.id = add_account(
            self.handles, name=f"a{number}", type=kind, port=proxy.port, username=user, after_fetch=after_fetch,
            move_to=MOVED, tls_ca=str(self.dovecot.certificate.authority),
        )  # fmt: skip
        self.accounts.append(account)

    def _behind_proxy(self, proxy: Proxy) -> Proxy:
        self.proxies.append(self._stack.enter_context(proxy))
        return proxy

    def _watch(self, account: Came, line: Line) -> None:
        """Whatever an IMAP command takes away is stored at that moment."""
        verb, words = line.text.upper(), line.text.split()
        if not ("UID STORE" in verb or "UID EXPUNGE" in verb or "UID MOVE" in verb):
            return
        try:
            here = {one.uid for one in stored(self.handles, account.id)}
        except StoreError as error:  # nobody can tell just now: the connection is cut, and nothing passes
            raise ConnectionAbortedError(str(error)) from error
        if missing := [
            uid for uid in range(1, max(here, default=0) + 500) if is_named(uid, words[3]) and uid not in here
        ]:
            self.removed_unstored.append(f"{account.user}: {line.text}: not stored: {missing}")


def _exit_code(worker: subprocess.Popen[bytes]) -> int:
    """Of a worker that was told to end; one that does not is killed, and its code tells."""
    try:
        return worker.wait(60)
    except subprocess.TimeoutExpired:
        worker.kill()
        return worker.wait()
