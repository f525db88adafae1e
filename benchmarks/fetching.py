"""How fast mail is fetched into records, durably, beside others and the limits of the wire, all in the same run.

    python -m benchmarks.fetching [--what imap,tls,pop3,pop3s,many,memory] [--rounds 3] [--messages 10000]
                                  [--slow-messages 1000] [--accounts 200] [--each 50]
                                  [--only mbsync,mpop] [--without fdm] [--place FOLDER]

Every program reads the same mailboxes of the same Dovecot on loopback, in turns, so that what the machine does
meanwhile falls on all. All are timed as whole processes, configured beforehand; Postroom also as what it is on a
server, a worker that runs already when there is something to fetch, and the others are set beside that. What was
written is counted, then removed before the next. The slow ones (marked *) read `--slow-messages` from a mailbox of
their own and are compared by their rate. `benchmarks/install-peers` installs what is missing.

`--place` names an existing folder that they write into, on whatever file system it is: programs that make a file for
each message depend on it far more than others do.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import worker_memory
from benchmarks.peers.django_mailbox import django_mailbox
from benchmarks.peers.fdm import fdm
from benchmarks.peers.fetchmail import fetchmail
from benchmarks.peers.getmail import getmail
from benchmarks.peers.limits import bare_reader, reader_and_store
from benchmarks.peers.mbsync import mbsync
from benchmarks.peers.mpop import mpop
from benchmarks.peers.peer import Peer, Protocol, Source
from benchmarks.peers.postroom import WORKER_ONCE, postroom
from benchmarks.peers.table import Round, table
from benchmarks.peers.workers import workers
from benchmarks.peers.world import ROOM, World
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.dovecot_config import DovecotOptions


@dataclass(frozen=True)
class Contest:
    """Who reads what."""

    title: str
    protocol: Protocol
    is_tls: bool
    peers: tuple[Peer, ...]
    """The first is ours, and what the others are set beside."""
    is_many: bool = False


OURS = (workers(), postroom())
LIMITS = (reader_and_store(), bare_reader())
CONTESTS: Mapping[str, Contest] = {
    "imap": Contest(
        "one IMAP account, plain",
        "imap",
        False,
        (*OURS, mbsync(), mbsync(fsync=True), fetchmail(), fdm(), django_mailbox(), getmail(), *LIMITS),
    ),
    "tls": Contest("one IMAP account, TLS", "imap", True, (*OURS, mbsync(), mbsync(fsync=True), fetchmail(), *LIMITS)),
    "pop3": Contest("one POP3 account, plain", "pop3", False, (*OURS, mpop(), fetchmail(), fdm(), *LIMITS)),
    "pop3s": Contest("one POP3 account, TLS", "pop3", True, (*OURS, mpop(), fetchmail(), *LIMITS)),
    "many": Contest(
        "many IMAP accounts, plain",
        "imap",
        False,
        (
            workers(2),
            postroom("postroom, 2 workers, started anew", words=WORKER_ONCE, processes=2),
            mbsync(),
            mbsync(at_once=8),
            mbsync(fsync=True, at_once=8),
            fetchmail(),
            reader_and_store(at_once=8),
            bare_reader(at_once=8),
        ),
        is_many=True,
    ),
}


def main() -> None:
    wanted = _wanted()
    with tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder:
        certificates = make_certificates(Path(folder) / "certificates")
        with DovecotServer(certificates.good, users={}, options=DovecotOptions(extra=ROOM)) as server:
            world = World(server)
            place = (wanted.place or Path(folder)) / "place"
            tables = [_compare(world, place, CONTESTS[name], wanted) for name in wanted.what if name in CONTESTS]
            if "memory" in wanted.what:
                source = world.source("imap", is_tls=False, messages=wanted.messages)
                tables.append(worker_memory.measure(source, Path(folder)))
    print("\n" + "\n\n".join(tables))


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", type=_names, default=[*CONTESTS, "memory"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--slow-messages", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--only", type=_names, default=[""])
    parser.add_argument("--without", type=_names, default=[])
    parser.add_argument("--place", type=Path)
    wanted = parser.parse_args()
    if wanted.place is not None and not wanted.place.is_dir():
        parser.error(f"--place {wanted.place} is no folder")
    for name in wanted.what:
        if name not in CONTESTS and name != "memory":
            parser.error(f"--what knows {', '.join(CONTESTS)} and memory, not {name}")
    return wanted


def _names(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _compare(world: World, place: Path, contest: Contest, wanted: argparse.Namespace) -> str:
    ours, *others = contest.peers
    peers = [ours, *(one for one in others if _is_wanted(one, wanted))]
    rounds: dict[str, list[Round]] = defaultdict(list)
    for number in range(wanted.rounds):
        for peer in peers:
            name = f"{peer.name} *" if peer.is_slow else peer.name
            one = _play(peer, _source(world, contest, peer, wanted), place)
            rounds[name].append(one)
            print(f"{contest.title}, round {number + 1}: {name}: {one.rate:,.0f} a second", flush=True)
    return table(_title(contest, peers, wanted), rounds, ours.name)


def _is_wanted(peer: Peer, wanted: argparse.Namespace) -> bool:
    return any(peer.name.startswith(word) for word in wanted.only) and not any(
        peer.name.startswith(word) for word in wanted.without
    )


def _source(world: World, contest: Contest, peer: Peer, wanted: argparse.Namespace) -> Source:
    messages = wanted.each if contest.is_many else wanted.slow_messages if peer.is_slow else wanted.messages
    users = wanted.accounts if contest.is_many else 1
    return world.source(contest.protocol, is_tls=contest.is_tls, messages=messages, users=users, is_new=peer.empties)


def _play(peer: Peer, source: Source, place: Path) -> Round:
    place.mkdir()
    try:
        measured = peer.play(source, place)
        if peer.arrived is not None and (arrived := peer.arrived(place)) != source.messages:
            raise SystemExit(f"{peer.name} delivered {arrived} of {source.messages} messages")
    finally:
        shutil.rmtree(place)
    return Round(source.messages, measured.seconds, measured.megabytes)


def _title(contest: Contest, peers: list[Peer], wanted: argparse.Namespace) -> str:
    amount = f"{wanted.accounts} × {wanted.each}" if contest.is_many else f"{wanted.messages:,}"
    slow = f"; those with * read {wanted.slow_messages:,}" if any(peer.is_slow for peer in peers) else ""
    return f"== {contest.title}: {amount} messages{slow}; medians of {wanted.rounds} rounds, MB at most"


if __name__ == "__main__":
    main()
