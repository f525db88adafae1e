"""The parts of a message (RFC 2046), found in one pass over its lines with a stack of our own.

The standard library's parser recurses for each level and for each line passes through all of them: a nest of 500
levels ends it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.mail.boundaries import LONGEST_BOUNDARY, boundary_in_use, declared_boundary
from core.mail.headers import Headers, read_header_block, read_headers_and_body_start
from core.mail.parameters import Parameterized, read_parameterized
from core.mail.transfer import decode_transfer

DEEPEST = 40
"""Levels that are opened; a multipart below is taken as one part."""

MOST_PARTS = 1000
"""Parts that are read; what follows is left out."""

_LONGEST_PART_HEADER = 64 * 1024
_MOST_DASHED_LINES = 100_000
"""Lines that are looked at for a delimiter; each is compared with all boundaries that are open."""

_MOST_DOUBTS = 20
"""Multiparts of a message of which it is asked whether their boundary is the one they declare: each may cost a pass."""

_PLAIN_TEXT = Parameterized("text/plain")


@dataclass(frozen=True, slots=True)
class MimePart:
    """A part that holds no others that we look into: text, a file, a message."""

    headers: Headers
    """Its own header block; of a message without parts, the message's."""

    content_type: Parameterized
    """What it declares, or the default of its place."""

    start: int
    """Where its content begins in the message."""

    end: int
    """Where its content ends in the message."""

    depth: int
    """Levels of multipart around it."""

    alternative: int
    """Number of the nearest multipart/alternative around it; 0 when there is none."""

    @property
    def encoding(self) -> str:
        """The transfer encoding, in lower case."""
        return read_parameterized(self.headers.raw("content-transfer-encoding")).value

    def content(self, raw: bytes, limit: int | None = None) -> bytes:
        """The decoded content, of at most about `limit` encoded bytes."""
        end = self.end if limit is None else min(self.end, self.start + limit)
        return decode_transfer(raw[self.start : end], self.encoding)


def read_parts(raw: bytes) -> tuple[MimePart, ...]:
    """Every part of a message in its order; a message that is not a multipart is its own single part."""
    # A message of bare CR has no other line ends; of the same length, it keeps every position.
    lines = raw if b"\n" in raw else raw.replace(b"\r", b"\n")
    walk = _Walk(lines)
    walk.begin(0)
    for delimiter in walk.delimiters():
        walk.meet(delimiter)
        if len(walk.parts) >= MOST_PARTS or walk.begun > MOST_PARTS * 2:
            return tuple(walk.parts[:MOST_PARTS])
    walk.finish()
    return tuple(walk.parts[:MOST_PARTS])


@dataclass(frozen=True, slots=True)
class _Delimiter:
    before: int
    """Where the content before it ends."""

    after: int
    """Where the line behind it begins."""

    level: int
    """The open multipart it belongs to."""

    is_last: bool


@dataclass(slots=True)
class _Multipart:
    """An open multipart."""

    boundary: bytes
    subtype: str
    alternative: int
    as_text: MimePart
    """What it is if its boundary never comes: text."""

    is_empty: bool = True


class _Walk:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.parts: list[MimePart] = []
        self.begun = 0
        self._open: list[_Multipart] = []
        self._leaf: MimePart | None = None
        self._alternatives = 0
        self._position = 0
        self._lines_left = _MOST_DASHED_LINES
        self._doubts_left = _MOST_DOUBTS

    def delimiters(self) -> Iterator[_Delimiter]:
        while self._lines_left and (found := self.raw.find(b"\n--", self._position)) >= 0:
            self._position = found + 1
            if delimiter := self._delimiter_at(found):
                # The line end of one delimiter may be the one before the next.
                self._position = max(delimiter.after - 1, found + 1)
                yield delimiter

    def _delimiter_at(self, line_end: int) -> _Delimiter | None:
        self._lines_left -= 1
        start = line_end + 3
        end = self.raw.find(b"\n", start, start + LONGEST_BOUNDARY + 4)
        if end < 0:
            end = min(len(self.raw), start + LONGEST_BOUNDARY + 4)
        line = self.raw[start:end].rstrip()
        for level in range(len(self._open) - 1, -1, -1):
            boundary = self._open[level].boundary
            if line in (boundary, boundary + b"--"):
                before = line_end - 1 if self.raw[line_end - 1 : line_end] == b"\r" else line_end
                return _Delimiter(before, min(end + 1, len(self.raw)), level, line != boundary)
        return None

    def meet(self, delimiter: _Delimiter) -> None:
        """End what stands before a delimiter, and begin what stands behind it."""
        self._end_leaf(delimiter.before)
        self._close(delimiter.level + 1, delimiter.before)
        multipart = self._open[delimiter.level]
        if delimiter.is_last:
            self._close(delimiter.level, delimiter.before)
        else:
            multipart.is_empty = False
            self.begin(delimiter.after)

    def begin(self, start: int) -> None:
        """Read the header block of a part and open it: a multipart on the stack, anything else as the current leaf."""
        self.begun += 1
        headers, body = self._headers_at(start)
        # The line end that closes the header block may be the one before a delimiter.
        self._position = max(self._position, body - 1)
        in_digest = bool(self._open) and self._open[-1].subtype == "digest"
        declared = read_parameterized(headers.raw("content-type"))
        default = Parameterized("message/rfc822") if in_digest else _PLAIN_TEXT
        content_type = declared if "/" in declared.value.strip("/") else default
        alternative = self._open[-1].alternative if self._open else 0
        leaf = MimePart(headers, content_type, body, body, len(self._open), alternative)
        if not content_type.value.startswith("multipart/") or len(self._open) >= DEEPEST:
            self._leaf = leaf
            return
        boundary = self._boundary(content_type.get("boundary"), body)
        subtype = content_type.value.removeprefix("multipart/")
        as_text = MimePart(headers, _PLAIN_TEXT, body, body, leaf.depth, alternative)
        if not boundary:
            self._leaf = as_text
            return
        if subtype == "alternative":
            self._alternatives += 1
            alternative = self._alternatives
        self._open.append(_Multipart(boundary, subtype, alternative, as_text))

    def _boundary(self, parameter: str, body: int) -> bytes:
        declared = declared_boundary(parameter)
        if not self._doubts_left:
            return declared
        self._doubts_left -= 1
        return boundary_in_use(self.raw, body, declared, {multipart.boundary for multipart in self._open})

    def finish(self) -> None:
        """End what the end of the message ends."""
        self._end_leaf(len(self.raw))
        self._close(0, len(self.raw))

    def _end_leaf(self, end: int) -> None:
        if self._leaf is not None:
            self.parts.append(_ending_at(self._leaf, end))
            self._leaf = None

    def _close(self, level: int, end: int) -> None:
        while len(self._open) > level:
            multipart = self._open.pop()
            if multipart.is_empty:
                self.parts.append(_ending_at(multipart.as_text, end))

    def _headers_at(self, start: int) -> tuple[Headers, int]:
        """The header block of a part, which ends at the next delimiter if no blank line comes before."""
        block = self.raw[start : start + _LONGEST_PART_HEADER] if start else self.raw
        headers, body = read_headers_and_body_start(block)
        found = self.raw.find(b"\n--", max(start - 1, 0), start + body) if start else -1
        while found >= 0 and self._lines_left:
            if self._delimiter_at(found):
                end = max(found, start)
                return read_header_block(self.raw[start:end]), end
            found = self.raw.find(b"\n--", found + 1, start + body)
        return headers, start + body


def _ending_at(part: MimePart, end: int) -> MimePart:
    return MimePart(part.headers, part.content_type, part.start, max(part.start, end), part.depth, part.alternative)
