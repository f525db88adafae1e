"""What a fetch needs of a server, for IMAP and POP3 alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, overload

from core.protocols.tls import TlsFacts


@dataclass(frozen=True)
class Key:
    """What names a message on its server."""

    folder: str
    """The IMAP folder; empty with POP3."""
    uidvalidity: int
    """The folder's epoch (RFC 3501 §2.3.1.1); 0 with POP3."""
    uid: int
    """The IMAP UID. With POP3 0, or the number in this session where no UIDL names the message alone."""
    uidl: str
    """The POP3 unique id (RFC 1939 §7); empty with IMAP."""


@dataclass(frozen=True)
class SessionFacts:
    """What is known of a connection once it is logged in."""

    greeting: str
    """The server's first words, cleaned."""
    capabilities: frozenset[str]
    """What it offers, in upper case, as announced after login."""
    tls: TlsFacts | None
    """None in clear."""
    address: str
    """The address that answered."""
    connect_ms: float
    """From the name to the greeting, with TLS."""
    login_ms: float
    """Signing in."""


@dataclass(frozen=True)
class Selected:
    """A folder as it was when it was selected."""

    folder: str
    """Its name; empty with POP3."""
    uidvalidity: int
    """0 with POP3."""
    uidnext: int
    """The UID that the next message will get; 0 if the server does not say, and with POP3."""
    exists: int
    """How many messages it holds, as the server says."""


class Keys(Sequence[Key]):
    """The keys of a listing, made only when asked for: a million of them cost what a list of numbers costs."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def __len__(self) -> int:
        return len(self._listing)

    @overload
    def __getitem__(self, at: int) -> Key: ...
    @overload
    def __getitem__(self, at: slice) -> list[Key]: ...
    def __getitem__(self, at: int | slice) -> Key | list[Key]:
        if isinstance(at, slice):
            return [self._listing.key(position) for position in range(*at.indices(len(self)))]
        return self._listing.key(range(len(self))[at])

    def __iter__(self) -> Iterator[Key]:
        return (self._listing.key(position) for position in range(len(self)))


@dataclass(frozen=True)
class Listing:
    """Which messages a folder holds, in the order in which they came."""

    folder: str
    """Empty with POP3."""
    uidvalidity: int
    """0 with POP3."""
    exists: int
    """How many messages the folder holds, listed here or not."""
    uids: Sequence[int] = ()
    """IMAP: ascending. POP3: per message 0, or its number in this session where its UIDL does not name it alone."""
    uidls: Sequence[str] = ()
    """POP3 only."""
    has_uidl: bool = True
    """False: a POP3 server without UIDL. Its messages can be named within this session only."""
    duplicates: frozenset[str] = field(default_factory=frozenset)
    """UIDLs that do not name a message alone: given to several, or empty (RFC 1939 forbids both, some servers do)."""

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def keys(self) -> Keys:
        """The keys, made when asked for."""
        return Keys(self)

    def key(self, position: int) -> Key:
        """The key at this position."""
        uidl = self.uidls[position] if self.uidls else ""
        return Key(self.folder, self.uidvalidity, self.uids[position], uidl)


class Missing(StrEnum):
    """Why a message that was asked for did not come."""

    GONE = "gone"
    """It is no longer on the server: somebody else removed it."""
    NIL = "nil"
    """The server gives no body for it; a later try may get one."""
    EMPTY = "empty"
    """No bytes came although the server says that it has some; a later try may get them."""
    REFUSED = "refused"
    """The server would not give it; `note` holds its words. A later try may get it."""
    WITHHELD = "withheld"
    """The server served words of its own in its place, which `note` holds. A later try may get it."""
    CUT_OFF = "cut off"
    """The connection broke where this one was to come; a later try may get it."""


@dataclass(frozen=True)
class Fetched:
    """One message as it came, or why it did not."""

    key: Key
    """Which one."""
    raw: bytes | None
    """Exactly as this protocol served it; None when `missing` says why."""
    size: int
    """The size that the server announced; servers are often wrong."""
    internal_date: datetime | None
    """When it came to the server (RFC 3501 §2.3.3), in UTC; None with POP3."""
    missing: Missing | None = None
    """Why there is no `raw`."""
    note: str = ""
    """The server's words about it, cleaned."""


@dataclass(frozen=True)
class Removal:
    """What became of messages that were to be deleted or moved."""

    done: tuple[Key, ...] = ()
    """They are not in the folder any more: looked up afterwards, since servers say OK to what is not there."""
    left: tuple[Key, ...] = ()
    """They are there still; `note` says why."""
    note: str = ""
    """A sentence for the run, or empty."""
    pending: tuple[Key, ...] = ()
    """POP3: marked, and removed only when `close` gives them back (RFC 1939 §6)."""


class Source(Protocol):
    """A logged-in connection that mail is read from. After any `WireError` but a refusal, `drop` it."""

    facts: SessionFacts

    @property
    def is_usable(self) -> bool:
        """Whether the connection is still in step."""

    def select(self, folder: str, *, writable: bool) -> Selected:
        """Open a folder; not writable, nothing in it can be changed, not even by mistake."""

    def list_new(self, folder: str, above: int = 0) -> Listing:
        """The messages with a UID above this one; POP3: all."""

    def sizes(self, keys: Sequence[Key]) -> dict[Key, int]:
        """The sizes the server announces; messages that are gone are absent."""

    def fetch(self, keys: Sequence[Key], following: Sequence[Key] = ()) -> list[Fetched]:
        """Read messages without marking them read, one result for each key, in the order of the keys.

        `following` will be fetched next: the server is asked for them already, where it can be, and does not idle.
        """

    def arrived(self, keys: Sequence[Key]) -> list[Fetched]:
        """Which of these had come whole when `fetch` lost the connection, in the order of the keys."""

    def header(self, key: Key) -> bytes | None:
        """What the header of a message says, without reading the message; `None` if the server does not tell."""

    def mark_seen(self, keys: Sequence[Key]) -> None:
        """Mark as read."""

    def delete(self, keys: Sequence[Key]) -> Removal:
        """Remove exactly these."""

    def move(self, keys: Sequence[Key], target: str) -> Removal:
        """Move exactly these to a folder, which is made if it is missing."""

    def noop(self) -> None:
        """Keep the connection alive; fails if it is dead."""

    def close(self) -> tuple[Key, ...]:
        """Say goodbye; gives back the keys that were removed by it (POP3)."""

    def drop(self) -> None:
        """Abandon the connection without a word; what is pending is not done. May be called from another thread."""
