"""fetchmail: IMAP and POP3, into a batch file that is the null device (a delivery agent would be a fork a message)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Command, Peer, Source, written_privately
from benchmarks.peers.running import to_the_end


def fetchmail() -> Peer:
    """One that takes all and keeps it on the server; what it takes it throws away."""
    return Peer("fetchmail (thrown away)", to_the_end(_prepare))


def _prepare(source: Source, place: Path) -> Sequence[Command]:
    # Without sslproto '' it insists on STARTTLS where that is offered. It refuses a certificate without a common name,
    # as this server's is, so it may go unverified.
    secured = "ssl no sslcertck" if source.is_tls else "sslproto ''"
    users = "\n".join(
        f'  user "{user}" password "{source.password}" is nobody here keep fetchall {secured} bsmtp "/dev/null"'
        for user in source.users
    )
    # It takes one server at a time, and of a server one user after the other.
    text = (
        f"set no bouncemail\npoll {source.host} protocol {source.protocol.upper()} port {source.port} auth password\n"
    )
    path = written_privately(place / "fetchmailrc", text + users + "\n")
    words = ["fetchmail", "--fetchmailrc", str(path), "--silent", "--nosyslog", "--idfile", str(place / "ids")]
    return [Command(words, {"HOME": str(place), "FETCHMAILHOME": str(place)})]
