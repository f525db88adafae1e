"""Files that a person hands over, message by message, each with the name it is known by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from core.errors import NoInput
from core.inbound.nameless import BY_BYTES
from core.mail.dates import read_date
from core.mail.headers import read_header_block
from core.mail.mbox import Piece, read_pieces
from core.protocols.source import Key

FOLDER = "intake"
"""The folder that such messages are said to come from."""


@dataclass(frozen=True)
class HandedIn:
    """A file of messages."""

    name: str
    """What the run log calls it."""
    opened: Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class HandedMessage:
    """One message of such a file."""

    name: str
    """What the run log calls it: its file, and its number there from the second on."""
    key: Key
    """Its digest, and how often it came before in this file: the same file again is the same messages."""
    piece: Piece


def read_handed(file: HandedIn, largest: int) -> Iterator[HandedMessage]:
    """The messages of a file, one after another; of one over `largest` bytes only size and digest are kept.

    Raises:
        NoInput: the file cannot be read (any more).
    """
    seen: Counter[str] = Counter()
    try:
        with file.opened() as opened:
            for number, piece in enumerate(read_pieces(opened, largest), 1):
                seen[piece.sha256] += 1
                key = Key(FOLDER, 0, 0, f"{BY_BYTES}{piece.sha256}:{seen[piece.sha256]}")
                yield HandedMessage(f"{file.name} {number}" if number > 1 else file.name, key, piece)
    except OSError as error:
        raise NoInput(f"{file.name} cannot be read: {error.strerror or error}.") from error


def received_at(piece: Piece, now: datetime) -> datetime:
    """When a message was received: as its separator says, its newest Received field, or its Date; never later than now.

    The loop guard counts by it: years of mail handed in at once did not come at once.
    """
    headers = read_header_block(piece.raw or b"")
    stamp = (headers.raw("received") or "").rpartition(";")[2]
    return min(piece.received_at or read_date(stamp) or read_date(headers.raw("date")) or now, now)
