"""getmail6: IMAP and POP3 into a Maildir; it forks for each message."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.environments import interpreter_with
from benchmarks.peers.peer import Command, Peer, Source, in_maildirs, written_privately
from benchmarks.peers.running import to_the_end


def getmail() -> Peer:
    """One that takes all and keeps it on the server."""
    return Peer("getmail6", to_the_end(_prepare), in_maildirs, is_slow=True)


def _prepare(source: Source, place: Path) -> Sequence[Command]:
    owner = _make_maildir(place)
    kind = f"Simple{source.protocol.upper()}{'SSL' if source.is_tls else ''}Retriever"
    secured = f"ca_certs = {source.authority}" if source.is_tls else ""
    text = f"""[retriever]
type = {kind}
server = {source.host}
port = {source.port}
username = {source.user}
password = {source.password}
{secured}

[destination]
type = Maildir
path = {place}/mail/
user = {owner}

[options]
read_all = true
delete = false
delivered_to = false
received = false
verbose = 0
"""
    path = written_privately(place / "getmailrc", text)
    python = interpreter_with("getmail6")
    words = [str(python), str(python.parent / "getmail"), f"--getmaildir={place}", f"--rcfile={path}"]
    return [Command(words)]


def _make_maildir(place: Path) -> str:
    """Gives back whose it is: getmail does not deliver as root, so there it delivers as nobody."""
    mail = place / "mail"
    for name in ("cur", "new", "tmp"):
        (mail / name).mkdir(parents=True)
    if os.geteuid() != 0:
        return getpass.getuser()
    for folder in (mail, *mail.iterdir()):
        shutil.chown(folder, "nobody")
    for folder in (place, place.parent):
        folder.chmod(0o711)
    return "nobody"
