"""mbsync (isync): IMAP into Maildirs. `FSync` is a global option, at the top of its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Command, Peer, Source, in_maildirs
from benchmarks.peers.running import to_the_end


def mbsync(*, fsync: bool = False, at_once: int = 1) -> Peer:
    """One that pulls what is new; several processes share many users, as one goes through its channels in turn."""

    def prepare(source: Source, place: Path) -> Sequence[Command]:
        shares = [source.users[number::at_once] for number in range(at_once)]
        return [_command(source, place, users, number, fsync=fsync) for number, users in enumerate(shares) if users]

    name = f"mbsync, {'fsync' if fsync else 'no fsync'}"
    return Peer(name if at_once == 1 else f"{name}, {at_once} at once", to_the_end(prepare), in_maildirs)


def _command(source: Source, place: Path, users: Sequence[str], number: int, *, fsync: bool) -> Command:
    path = place / f"mbsyncrc{number}"
    path.write_text(
        "\n".join([f"FSync {'yes' if fsync else 'no'}\n", *(_channel(source, place, one) for one in users)])
    )
    for user in users:
        (place / user).mkdir()
    return Command(["mbsync", "-q", "-c", str(path), "-a"])


def _channel(source: Source, place: Path, user: str) -> str:
    secured = f"SSLType IMAPS\nCertificateFile {source.authority}" if source.is_tls else "SSLType None"
    return f"""
IMAPStore far-{user}
Host {source.host}
Port {source.port}
User {user}
Pass {source.password}
{secured}
AuthMechs LOGIN

MaildirStore near-{user}
Path {place}/{user}/
Inbox {place}/{user}/INBOX

Channel {user}
Far :far-{user}:
Near :near-{user}:
Create Near
Sync Pull New
SyncState *
"""
