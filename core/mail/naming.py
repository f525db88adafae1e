"""Where one address is named: in text, and in the header and the text of a message's bytes."""

from __future__ import annotations

import re
from enum import StrEnum

from core.mail.parts import read_parts

_LONGEST_TEXT = 4 << 20
"""Bytes of an encoded part that are looked into."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_SOFT_BREAK = re.compile(rb"=\r?\n")
_REPORT = re.compile(rb"^content-type:\s*multipart/report", re.IGNORECASE | re.MULTILINE)

# Not behind what may be part of a longer local part, but behind a bracket or space in quoted-printable or a URL.
_BEFORE = r"(?:(?<![\w.+-])|(?<=[=%](?:3[Cc]|20|22|27)))"
_AFTER = r"(?![\w-]|\.\w)"


class Place(StrEnum):
    """Where in a message an address stands."""

    HEADER = "header"
    """In a field of its header, whichever it is: its mail came from there, went there, or is to be answered there."""
    REPORT = "report"
    """In the text of a report on mail that came back, or was read."""
    TEXT = "text"
    """In its text, or in a message within it."""


class Naming:
    """One address, to be looked for; upper and lower case are the same.

    It is known in the forms `jane@example.net`, `jane=40example.net` (quoted-printable), `jane%40example.net` (URLs)
    and `list+jane=example.net@…` (return paths that name their recipient).
    """

    def __init__(self, address: str) -> None:
        self.address = address.lower()
        """As it is looked for."""
        local, _, domain = address.rpartition("@")
        local, domain = re.escape(local), re.escape(domain)
        pattern = f"{_BEFORE}{local}(?:@|=40|%40){domain}{_AFTER}|(?<=[+-]){local}={domain}(?=@)"
        self._in_text = re.compile(pattern, re.IGNORECASE)
        self._in_bytes = re.compile(pattern.encode(), re.IGNORECASE)
        self._needle = self.address.rpartition("@")[0].encode()
        # Quoted-printable leaves ASCII as it is.
        self._hidden_by = ("base64",) if address.isascii() else ("base64", "quoted-printable")
        self._encoded = re.compile(
            rf"content-transfer-encoding:[ \t]*(?:{'|'.join(self._hidden_by)})".encode(), re.IGNORECASE
        )

    def is_in(self, *texts: object) -> bool:
        """Whether one of these, as text, names the address, and not merely one that ends or begins like it."""
        return any(self._in_text.search(str(text)) is not None for text in texts if text)

    def place(self, raw: bytes) -> Place | None:
        """Where a message names it; `None`: nowhere that can be read without opening what is attached."""
        end = found.end() if (found := _HEADER_END.search(raw)) is not None else len(raw)
        if self._is_in_bytes(raw[:end]):
            return Place.HEADER
        if not self._is_in_body(raw, raw[end:]):
            return None
        return Place.REPORT if _REPORT.search(raw, 0, end) is not None else Place.TEXT

    def _is_in_body(self, raw: bytes, body: bytes) -> bool:
        if self._is_in_bytes(body):
            return True
        if _SOFT_BREAK.search(body) is not None and self._is_in_bytes(_SOFT_BREAK.sub(b"", body)):
            return True
        return self._encoded.search(raw) is not None and any(
            self._is_in_bytes(part.content(raw, _LONGEST_TEXT))
            for part in read_parts(raw)
            if part.encoding in self._hidden_by and part.content_type.value.startswith(("text/", "message/"))
        )

    def _is_in_bytes(self, data: bytes) -> bool:
        # Finding a plain string first is ten times as fast: most of the mail there is, is looked through for nothing.
        return self._needle in data.lower() and self._in_bytes.search(data) is not None
