"""Answers of many lines that end with a line of a single dot (RFC 1939 §3), put together as they come."""

from __future__ import annotations

import re

_DOT_LINE = re.compile(rb"\r\n\.(?:(\r\n)|\.)")
"""The dots that mean something, end and stuffing alike, in one pass: of all ways to look for them the fastest."""

_HALF = 4
"""At most so many bytes of a dot line may stand at the end of what has come."""


class DottedBlock:
    """A block of lines, without its end and without the dots that stuff lines."""

    __slots__ = ("_is_begun", "_parts", "rest", "size")

    def __init__(self) -> None:
        self.size = 0
        """How many bytes of it have come so far."""
        self.rest = b""
        """What is to stand before the next bytes, after `take` did not find the end."""
        self._parts: list[bytes] = []
        self._is_begun = False

    def take(self, data: bytes, start: int) -> int:
        """Take what belongs to the block; gives back where in `data` it ends, or -1 if more must come."""
        if not self._is_begun:
            if len(data) - start < 3 and b".\r\n".startswith(data[start:]):
                self.rest = data[start:]
                return -1
            self._is_begun = True
            if data.startswith(b".", start):
                # The first line of a block has no line end before it.
                if data.startswith(b".\r\n", start):
                    return start + 3
                start += data.startswith(b"..", start)
        for found in _DOT_LINE.finditer(data, start):
            at = found.end()
            if found.lastindex:
                self._parts.append(data[start : at - 3])
                return at
            self._parts.append(data[start : at - 1])
            start = at
        end = max(len(data) - _HALF, start)
        self._parts.append(data[start:end])
        self.size += end - start
        self.rest = data[end:]
        return -1

    def content(self) -> bytes:
        """The block as it was before it was sent."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
