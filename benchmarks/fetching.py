"""How fast an account is fetched into records, durably, beside mbsync and the limits of the wire.

    python -m benchmarks.fetching [--messages 10000] [--rounds 3] [--tls]

Every program reads the same mailbox of the same Dovecot on loopback, in turns, so that what the machine does meanwhile
falls on all. Postroom and mbsync are timed as whole processes, configured beforehand; what they wrote is synced and
removed before the next.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.corpus.generate import mixed_messages
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer

USER, PASSWORD = "bench", "secret"


def main() -> None:
    wanted = _wanted()
    with tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder:
        certificates = make_certificates(Path(folder) / "certificates")
        with DovecotServer(certificates.good, users={USER: PASSWORD}) as server:
            server.deliver(USER, mixed_messages(wanted.messages, 1))
            server.mails(USER)[:1]  # Dovecot builds its index now, not under the first one measured
            _compare(server, Path(folder), wanted)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tls", action="store_true")
    return parser.parse_args()


def _compare(server: DovecotServer, folder: Path, wanted: argparse.Namespace) -> None:
    programs: dict[str, Callable[[Path], None]] = {
        "postroom fetch": lambda place: _run(place, "fetch", "--quiet"),
        "mbsync, no fsync": lambda place: _mbsync(server, place, wanted, fsync=False),
        "mbsync, fsync": lambda place: _mbsync(server, place, wanted, fsync=True),
        "a socket that throws bytes away": lambda _: _bare_reader(server, wanted.messages),
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(wanted.rounds):
        for name, program in programs.items():
            place = folder / f"{number}-{name.replace(' ', '-').replace(',', '')}"
            place.mkdir()
            _prepare(server, place, wanted)
            os.sync()
            began = time.perf_counter()
            program(place)
            seconds[name].append(time.perf_counter() - began)
            print(f"round {number + 1}: {name}: {wanted.messages / seconds[name][-1]:,.0f} a second", flush=True)
            shutil.rmtree(place)
    _print(seconds, wanted.messages)


def _print(seconds: dict[str, list[float]], messages: int) -> None:
    ours = seconds["postroom fetch"]
    print(f"\n{'program':<34}{'messages/s (median)':>20}{'postroom is, pair by pair':>30}")
    for name, times in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(times, ours, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} times" if times is not ours else ""
        print(f"{name:<34}{messages / statistics.median(times):>20,.0f}{ratio:>30}")


def _prepare(server: DovecotServer, place: Path, wanted: argparse.Namespace) -> None:
    """A Postroom with one account, not fetched yet."""
    port = server.ports.imaps if wanted.tls else server.ports.imap
    (place / "account.toml").write_text(
        f"""
        [settings.loop]
        records = 0
        [[account]]
        name = "bench"
        type = "{"IMAPS" if wanted.tls else "IMAP"}"
        host = "localhost"
        port = {port}
        username = "{USER}"
        password = "{PASSWORD}"
        max_messages = {wanted.messages}
        tls_ca = "{server.certificate.authority}"
        """
    )
    _run(place, "config", "import", str(place / "account.toml"))


def _run(place: Path, *words: str) -> None:
    environment = {**os.environ, "POSTROOM_HOME": str(place / "home")}
    subprocess.run([sys.executable, "-m", "tui.cli", *words], env=environment, check=True, capture_output=True)


def _mbsync(server: DovecotServer, place: Path, wanted: argparse.Namespace, *, fsync: bool) -> None:
    secured = f"SSLType IMAPS\nCertificateFile {server.certificate.authority}" if wanted.tls else "SSLType None"
    (place / "mbsyncrc").write_text(
        f"""FSync {"yes" if fsync else "no"}

IMAPStore far
Host localhost
Port {server.ports.imaps if wanted.tls else server.ports.imap}
User {USER}
Pass {PASSWORD}
{secured}
AuthMechs LOGIN

MaildirStore near
Path {place}/
Inbox {place}/INBOX

Channel all
Far :far:
Near :near:
Create Near
Sync Pull New
SyncState *
"""
    )
    subprocess.run(["mbsync", "-q", "-c", str(place / "mbsyncrc"), "all"], check=True, capture_output=True)


def _bare_reader(server: DovecotServer, messages: int) -> None:
    with socket.create_connection(("localhost", server.ports.imap)) as connection:
        reader = connection.makefile("rb")
        commands = (
            f"a LOGIN {USER} {PASSWORD}",
            "b EXAMINE INBOX",
            f"c FETCH 1:{messages} (BODY.PEEK[])",
        )
        for command in commands:
            connection.sendall(f"{command}\r\n".encode())
            done = f"{command[0]} OK".encode()
            while not reader.readline().startswith(done):
                pass


if __name__ == "__main__":
    main()
