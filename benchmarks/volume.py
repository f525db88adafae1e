"""What is promised, at volume and on real servers: nothing lost, nothing doubled, not a byte changed.

    python -m benchmarks.volume [--messages 10000] [--postgresql] [--what bytes,kills]

`bytes`: an account of each kind is fetched by the command, what is stored is compared with what the server serves to a
client that is not ours, fetched again, and emptied. `kills`: the command is killed with -9 at each failpoint of the way
in, and at random moments, and started again until it ends by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from core.db.bulk import table_of
from core.environment import Environment, read_environment
from core.gateway import open_gateway
from core.models import Message, RawMessage
from tests.accounts import expire_leases
from tests.corpus.generate import mixed_messages
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postgres import Postgres

PASSWORD = "secret"
KINDS = (("IMAPS", "keep"), ("IMAPS", "delete"), ("POP3S", "delete"), ("POP3TLS", "delete"))
FAILPOINTS = ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9")
ELSEWHERE = b"Subject: in another folder\r\n\r\nnobody asked for it\r\n"
SHOWN = 20
"""Messages whose bytes are read through `postroom raw`; all are compared in the database."""


@dataclass(frozen=True)
class Account:
    """One mailbox and the Postroom that fetches it."""

    server: DovecotServer
    user: str
    kind: str
    after_fetch: str
    environment: Environment

    def served(self) -> Counter[bytes]:
        """What the server serves, by the protocol that the account speaks."""
        if self.kind.startswith("POP3"):
            return Counter(raw for _, raw in self.server.pop3_mails(self.user))
        return Counter(mail.raw for mail in self.server.mails(self.user))

    def configure(self, messages: int) -> None:
        ports = self.server.ports
        port = {"IMAPS": ports.imaps, "POP3S": ports.pop3s, "POP3TLS": ports.pop3}[self.kind]
        self.environment.home.mkdir(parents=True)
        file = self.environment.home / "account.toml"
        file.write_text(
            f"""
            [settings.loop]
            records = 0
            [[account]]
            name = "volume"
            type = "{self.kind}"
            host = "localhost"
            port = {port}
            username = "{self.user}"
            password = "{PASSWORD}"
            after_fetch = "{self.after_fetch}"
            max_messages = {messages}
            tls_ca = "{self.server.certificate.authority}"
            """
        )
        self.command("config", "import", str(file))

    def command(self, *words: str, failpoint: str = "") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self._words(*words), check=False, env=self._variables(failpoint), capture_output=True)

    def fetch(self) -> dict[str, int]:
        done = self.command("fetch", "--json")
        assert done.returncode == 0, done.stderr[-2000:].decode()
        summary: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return summary

    def fetch_until(self, seconds: float) -> int:
        """Killed after so many seconds, unless it has ended before."""
        process = subprocess.Popen(
            self._words("fetch", "--quiet"),
            env=self._variables(""),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stored(self) -> tuple[Counter[bytes], Counter[str], list[tuple[int, bytes]]]:
        """The bytes that are kept, where the messages ended, and some of them by id."""
        messages, raws = table_of(Message), table_of(RawMessage)
        handles = open_gateway(self.environment)
        try:
            with handles.database.reading() as session:
                rows = session.connection().execute(raws.select()).all()
                ended = Counter(session.connection().scalars(messages.select().with_only_columns(messages.c.state)))
        finally:
            handles.close()
        return (
            Counter(bytes(row.data) for row in rows),
            ended,
            [(row.message_id, bytes(row.data)) for row in rows[:: max(1, len(rows) // SHOWN)]],
        )

    def forget_leases(self) -> None:
        """As if the minute had passed in which a killed process still holds its account."""
        handles = open_gateway(self.environment)
        expire_leases(handles)
        handles.close()

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tui.cli", *words]

    def _variables(self, failpoint: str) -> dict[str, str]:
        return {
            **os.environ,
            "POSTROOM_HOME": str(self.environment.home),
            "POSTROOM_DATABASE_URL": self.environment.database_url,
            "POSTROOM_FAILPOINT": failpoint,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--what", default="bytes,kills")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-volume-")))
        certificates = make_certificates(folder / "certificates")
        server = stack.enter_context(DovecotServer(certificates.good, users={}))
        postgres = stack.enter_context(Postgres()) if wanted.postgresql else None

        def account(kind: str, after_fetch: str, number: int) -> Account:
            user = server.fresh_user()
            server.deliver(user, mixed_messages(wanted.messages, number))
            server.append(user, ELSEWHERE, folder=_other_folder(server, user))
            environment = read_environment(
                {}, home=str(folder / f"home{number}"), database_url=postgres.create_database() if postgres else None
            )
            one = Account(server, user, kind, after_fetch, environment)
            one.configure(wanted.messages)
            return one

        if "bytes" in wanted.what:
            for number, (kind, after_fetch) in enumerate(KINDS, 1):
                _bytes(account(kind, after_fetch, number), wanted.messages)
        if "kills" in wanted.what:
            _kills(account("IMAPS", "delete", 9), wanted.messages)


def _other_folder(server: DovecotServer, user: str) -> str:
    server.create_folder(user, "Elsewhere")
    return "Elsewhere"


def _bytes(account: Account, messages: int) -> None:
    served = account.served()
    first = account.fetch()
    stored, ended, some = account.stored()
    assert first["fetched"] == messages
    assert stored == served, "the bytes differ"
    assert set(ended) <= {"recorded", "bounce"}, ended
    for key, raw in some:
        assert account.command("raw", str(key)).stdout == raw
    second = account.fetch()
    assert second["fetched"] == 0
    left = sum(account.served().values())
    assert left == (messages if account.after_fetch == "keep" else 0)
    assert [mail.raw for mail in account.server.mails(account.user, "Elsewhere")] == [ELSEWHERE]
    longest = max(max(map(len, raw.split(b"\r\n"))) for raw in served)
    print(
        f"{account.kind}, {account.after_fetch}: {first['fetched']} fetched in {first['seconds']:.1f} s, all equal to "
        f"what is served (longest line {longest}), {len(some)} through `raw`; again: 0; {left} left on the server, "
        "the other folder as it was",
        flush=True,
    )


def _kills(account: Account, messages: int) -> None:
    served = account.served()
    chance = random.Random(1)
    killed = 0
    for place in FAILPOINTS:
        for turn in (1,) if place == "K1" else (1, chance.randrange(2, 5)):  # a run passes K1 once
            killed += account.command("fetch", "--quiet", failpoint=f"{place}:kill@{turn}").returncode == -9
            account.forget_leases()
    began = time.perf_counter()
    code = -9
    while code != 0:
        code = account.fetch_until(chance.uniform(0.7, 1.2) if killed < 60 else 600.0)
        killed += code == -9
        account.forget_leases()
    stored, ended, _ = account.stored()
    assert stored == served, "the bytes differ"
    assert sum(ended.values()) == messages
    assert sum(account.served().values()) == 0
    assert account.fetch()["fetched"] == 0
    print(
        f"{account.kind}, {account.after_fetch}: killed {killed} times (at {', '.join(FAILPOINTS)}, then at random for "
        f"{time.perf_counter() - began:.0f} s): {messages} stored, each once, byte for byte: {dict(ended)}; none left",
        flush=True,
    )


if __name__ == "__main__":
    main()
