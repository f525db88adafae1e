"""What a benchmark knows of a program: how a round of it goes, and how much arrived."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Protocol = Literal["imap", "pop3"]


@dataclass(frozen=True)
class Source:
    """Mailboxes to be fetched: some users of one server, each with as many messages as the others."""

    host: str
    port: int
    protocol: Protocol
    is_tls: bool
    authority: Path
    """The certificate that signed the server's."""
    users: tuple[str, ...]
    password: str
    messages: int
    """In all of them together."""

    @property
    def user(self) -> str:
        """The only user."""
        (only,) = self.users
        return only


@dataclass(frozen=True)
class Command:
    """One process that fetches."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside our own variables."""
    ends_with: frozenset[int] = frozenset({0})
    """The exit codes that mean well."""

    @property
    def variables(self) -> dict[str, str]:
        """All variables of the process."""
        return {**os.environ, **self.environment}


@dataclass(frozen=True)
class Measured:
    """One round of one program."""

    seconds: float
    megabytes: float
    """The most that it had at once: the peaks (VmHWM) of its processes and their children, added up."""


@dataclass(frozen=True)
class Peer:
    """A program, set up in one way."""

    name: str
    play: Callable[[Source, Path], Measured]
    """Sets it up in an empty folder, untimed, and lets it fetch everything."""
    arrived: Callable[[Path], int] | None = None
    """How many messages it delivered below that folder; none: it throws them away."""
    is_slow: bool = False
    """Whether it gets fewer messages, from a mailbox of its own."""
    empties: bool = False
    """Whether it cannot but delete what it has fetched: it gets a new mailbox each round."""


def files_below(*folders: str) -> Callable[[Path], int]:
    """Counts the messages of all Maildirs below a folder."""

    def count(place: Path) -> int:
        return sum(1 for name in folders for one in place.glob(f"**/{name}/*") if one.is_file())

    return count


in_maildirs = files_below("new", "cur")


def written_privately(path: Path, text: str) -> Path:
    """A file with a password in it: fetchmail, mpop and fdm refuse to read one that others may."""
    path.write_text(text)
    path.chmod(0o600)
    return path
