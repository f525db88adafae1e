"""mpop: POP3, pipelined, into an mbox."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Command, Peer, Source, written_privately
from benchmarks.peers.running import to_the_end


def mpop() -> Peer:
    """One that takes all and keeps it on the server."""
    return Peer("mpop", to_the_end(_prepare), _in_mbox)


def _prepare(source: Source, place: Path) -> Sequence[Command]:
    secured = f"tls on\ntls_starttls off\ntls_trust_file {source.authority}" if source.is_tls else "tls off"
    # Without TLS it sends a password in clear only when the method is named.
    text = f"""account bench
host {source.host}
port {source.port}
{secured}
auth user
user {source.user}
password {source.password}
keep on
only_new off
received_header off
delivery mbox {place}/mbox
uidls_file {place}/uidls
"""
    path = written_privately(place / "mpoprc", text)
    return [Command(["mpop", "-q", f"--file={path}", "bench"], {"HOME": str(place)})]


def _in_mbox(place: Path) -> int:
    with (place / "mbox").open("rb") as file:
        return sum(line.startswith(b"From ") for line in file)
