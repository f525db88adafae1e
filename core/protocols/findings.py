"""What a step of a test learned beside going well: for whoever keeps it or reckons with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Shown:
    """The certificate that the server showed."""

    expires: datetime


@dataclass(frozen=True)
class Announced:
    """What the relay said of itself in its answer to EHLO."""

    size_limit: int
    """The largest message it takes, in bytes (RFC 1870); 0: it does not say."""
    takes_utf8: bool = False
    """Whether it takes addresses with letters beyond ASCII (SMTPUTF8, RFC 6531)."""


@dataclass(frozen=True)
class Asked:
    """What the test of a folder is to find out beside the number of its messages."""

    since: date | None = None
    """Count those that came on this day or later; none: all."""
    larger_than: int = 0
    """Count those of more bytes; 0: do not."""
    target: str = ""
    """The folder that messages are to be moved to; empty: none."""


@dataclass(frozen=True)
class Contents:
    """What lies in a folder."""

    folder: str
    """Empty with POP3, which has none."""
    messages: int
    oldest: date | None = None
    """When the oldest came, by the server's own dates; none where it does not tell."""
    since: int | None = None
    """How many came on the day asked for or later; none: not asked, or the protocol cannot tell (POP3)."""
    too_large: int = 0
    """How many of these, or of all, have more bytes than asked for."""
    is_named: bool = True
    """Whether every message has a name of its own that stays (UIDs; UIDLs, which some servers lack or repeat)."""
    deletes_into_trash: bool = False
    """Whether deleting only moves to the Trash (Gmail)."""
    target_name: str = ""
    """What the folder that messages are to be moved to would have to be called there; empty: it may be called so."""


Found = Shown | Announced | Contents | None
