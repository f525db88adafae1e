"""Postroom itself, as whole processes, everything on: records, trail, run log, loop guard, exact bytes, all durable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.peers.peer import Command, Peer, Source
from benchmarks.peers.running import to_the_end
from core.db.bulk import table_of
from core.db.doors import Database
from core.models import Message

FETCH = ("fetch", "--quiet")
SLOTS = 4
"""Accounts that one process fetches at once."""
WORKER_ONCE = ("--worker", "--only", "fetch", "--once")


def postroom(name: str = "postroom fetch", *, words: Sequence[str] = FETCH, processes: int = 1) -> Peer:
    """`postroom fetch`, or workers that do what is due and end."""

    def prepare(source: Source, place: Path) -> Sequence[Command]:
        configure(place, source, processes=processes)
        return [command(place, *words) for _ in range(processes)]

    return Peer(name, to_the_end(prepare), taken_in)


def configure(place: Path, source: Source, *, slots: int = SLOTS, processes: int = 1) -> None:
    """A Postroom with an account a user, none fetched yet."""
    # The loop guard works as ever, but nobody here is stopped by it. The only server is the one of this benchmark:
    # its slots are for all workers together, and the first would take them all.
    slots = f"fetch_slots = {slots}\nslots_per_host = {slots * processes}\n"
    settings = f"[settings]\n{slots}[settings.loop]\nrecords = {source.messages + 1}\n"
    (place / "accounts.toml").write_text(settings + "\n".join(_account(source, user) for user in source.users))
    subprocess.run(
        command(place, "config", "import", str(place / "accounts.toml")).words,
        env=command(place).variables,
        check=True,
        capture_output=True,
    )


def command(place: Path, *words: str) -> Command:
    """A `postroom` command in the home below this folder."""
    return Command([sys.executable, "-m", "tui.cli", *words], {"POSTROOM_HOME": str(place / "home")})


def taken_in(place: Path) -> int:
    """How many messages are stored."""
    database = Database(f"sqlite:///{place / 'home' / 'postroom.db'}")
    try:
        with database.reading() as session:
            return int(session.connection().execute(select(func.count()).select_from(table_of(Message))).scalar_one())
    finally:
        database.close()


def _account(source: Source, user: str) -> str:
    return f"""
[[account]]
name = "{user}"
type = "{source.protocol.upper()}{"S" if source.is_tls else ""}"
host = "{source.host}"
port = {source.port}
username = "{user}"
password = "{source.password}"
max_messages = {source.messages + 1}
tls_ca = "{source.authority}"
"""
