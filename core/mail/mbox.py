"""Messages out of a file: one alone (.eml), or many in an mbox with its quoting undone (RFC 4155, mboxrd)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from core.mail.dates import read_date

_CHUNK = 64 * 1024
_SEPARATOR = b"From "
# A line of a text may begin with "From " too: a separator names a time and a year.
_DATED = re.compile(rb"From (\S*) +(?=\D)(.{0,80}?\d{1,2}:\d{2}.{0,40}?\d{4})")
_QUOTED = re.compile(rb">+From ")
_BLANK = (b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a file."""

    raw: bytes | None
    """Its exact bytes, quoting undone; `None`: it is larger than asked for."""
    size: int
    sha256: str
    received_at: datetime | None = None
    """When it was received, as its separator says."""


def read_pieces(file: IO[bytes], largest: int) -> Iterator[Piece]:
    """The messages of a file, one after another; of one over `largest` bytes only size and hash are kept."""
    first = file.readline(_CHUNK)
    if first.startswith(_SEPARATOR):
        yield from _of_mbox(file, first, largest)
    elif first:
        gathered = _Gathering(largest)
        gathered.add(first)
        while chunk := file.read(_CHUNK):
            gathered.add(chunk)
        yield gathered.piece(None)


class _Gathering:
    """A message that is being read; once it is too large its bytes are let go."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0
        self._hash = hashlib.sha256()

    def add(self, part: bytes) -> None:
        """More of it."""
        self._size += len(part)
        self._hash.update(part)
        self._parts.append(part)
        if self._size > self._largest:
            self._parts.clear()

    def piece(self, received_at: datetime | None) -> Piece:
        """The whole."""
        raw = b"".join(self._parts) if self._size <= self._largest else None
        return Piece(raw, self._size, self._hash.hexdigest(), received_at)


def _of_mbox(file: IO[bytes], first: bytes, largest: int) -> Iterator[Piece]:
    received_at, gathered = _time_of(first), _Gathering(largest)
    held, is_line_start, is_in_separator = b"", first.endswith(b"\n"), not first.endswith(b"\n")
    is_after_blank = True
    while chunk := file.readline(_CHUNK):
        was_line_start, is_line_start = is_line_start, chunk.endswith(b"\n")
        if not was_line_start:
            if not is_in_separator:
                gathered.add(chunk)
            continue
        is_in_separator = is_after_blank and _DATED.match(chunk) is not None
        if is_in_separator:
            # The blank line before a separator belongs to the mbox, not to the message.
            yield gathered.piece(received_at)
            received_at, gathered, held = _time_of(chunk), _Gathering(largest), b""
            is_after_blank = True
            continue
        if held:
            gathered.add(held)
        is_after_blank = chunk in _BLANK
        held = chunk if is_after_blank else b""
        if not is_after_blank:
            gathered.add(chunk[1:] if _QUOTED.match(chunk) else chunk)
    yield gathered.piece(received_at)


def _time_of(separator: bytes) -> datetime | None:
    found = _DATED.match(separator)
    return read_date(found[2].decode("latin-1")) if found is not None else None
