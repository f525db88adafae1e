"""fdm: IMAP and POP3 into a Maildir."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Command, Peer, Source, in_maildirs, written_privately
from benchmarks.peers.running import to_the_end


def fdm() -> Peer:
    """One that takes all and keeps it on the server."""
    return Peer("fdm", to_the_end(_prepare), in_maildirs)


def _prepare(source: Source, place: Path) -> Sequence[Command]:
    scheme = f"{source.protocol}{'s' if source.is_tls else ''}"
    text = f"""set default-user "{getpass.getuser()}"
set no-received
set maximum-size 1G
set file-umask 077
account "bench" {scheme} server "{source.host}" port {source.port} user "{source.user}" pass "{source.password}"
action "keep" maildir "{place}/mail"
match all action "keep"
"""
    path = written_privately(place / "fdm.conf", text)
    return [Command(["fdm", "-f", str(path), "-k", "-q", "fetch"], {"HOME": str(place)})]
