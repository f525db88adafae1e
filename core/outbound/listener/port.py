"""Who answers at the listener's port: one of our workers, somebody else, or nobody."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from core.db.server import place_of
from core.environment import Environment
from core.outbound.listener.owner import stranger_at
from core.text import bounded, clean

_WITHIN = 2.0
_LONGEST_GREETING = 512


@dataclass(frozen=True)
class Occupant:
    """What is found at a port."""

    is_there: bool
    """Whether anybody answers."""
    is_ours: bool = False
    """Whether it is a worker of this database."""
    greeting: str = ""
    """Its first line, cleaned; empty if it says nothing."""
    user: str = ""
    """Whose program it is, where that cannot be one of our workers."""

    def listens(self, where: str) -> str:
        """What is to be said of it, without a full stop."""
        whose = f"a program of {self.user}, who runs no worker of ours," if self.user else "another program"
        return f"{whose} listens {where}{f' (it says {self.greeting!r})' if self.greeting else ''}"


def mark_of(environment: Environment) -> str:
    """What a worker's greeting ends with, so that workers of one database know each other; it tells nothing else.

    Not of one home: with several on a machine, whoever listens takes mail into the outbox of all.
    """
    # Who logs in, and how, differs from home to home.
    place = environment.database_url if environment.is_sqlite else place_of(environment.database_url)
    return sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:10]


def occupant_of(host: str, port: int, mark: str, home: Path) -> Occupant:
    """Connect and read the greeting; who speaks as we do must also be somebody who can work in our data folder."""
    try:
        with socket.create_connection((host, port), timeout=_WITHIN) as connection:
            greeting = _first_line(connection)
    except OSError:
        return Occupant(is_there=False)
    if (user := stranger_at(host, port, home)) is not None:
        return Occupant(True, False, greeting, user)
    return Occupant(True, greeting.endswith(f" {mark}"), greeting)


def _first_line(connection: socket.socket) -> str:
    received = b""
    try:
        while b"\n" not in received and len(received) < _LONGEST_GREETING:
            piece = connection.recv(_LONGEST_GREETING)
            if not piece:
                break
            received += piece
    except OSError:
        pass  # it is somebody who waits for us to speak
    return bounded(clean(received.partition(b"\n")[0].decode("latin-1")).strip(), 80)
