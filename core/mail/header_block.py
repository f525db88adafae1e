"""The header block of an outgoing message, edited field by field as bytes: what is not touched stays as it came."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence

from core.errors import UnsafeMessage
from core.text import clean

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_UNFOLDED_LINE = re.compile(rb"\r\n(?![ \t])")
# Whatever follows one CRLF begins a field or goes on with one: a field is its first line and those that start blank.
_FIELDS = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
_HIDDEN_BCC = re.compile(rb"^(?:resent-)?bcc[ \t]*:", re.IGNORECASE | re.MULTILINE)

LONGEST_LINE = 998
"""Octets of a line, without its CRLF (RFC 5322 §2.1.1)."""

_FOLD_AT = 78
_WORD_BYTES = 39
"""Bytes of text in one encoded word: in base64 and with its frame 64, so that behind the name of a field too its line
has no more than the 76 that RFC 2047 §2 allows.
"""


class HeaderBlock:
    """The fields of a canonical message in their order, and the bytes of its body."""

    __slots__ = ("_fields", "body")

    def __init__(self, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._fields = fields
        """Lower-case name, and the whole field with its folding and last CRLF."""
        self.body = body

    @classmethod
    def cut(cls, raw: bytes) -> HeaderBlock:
        """Cut a message with CRLF line ends; the header ends at the first line that is no field, if not before.

        Raises:
            UnsafeMessage: behind such a line stands a Bcc, which would leave as part of the body.
        """
        position = raw.find(b"\r\n") + 2 if raw.startswith((b"From ", b">From ")) else 0
        fields: list[tuple[bytes, bytes]] = []
        match = _FIELDS.match
        while found := match(raw, position):
            fields.append((found[1].lower(), found[0]))
            position = found.end()
        if raw.startswith(b"\r\n", position):
            position += 2
        elif fields and _HIDDEN_BCC.search(raw, position, max(raw.find(b"\r\n\r\n", position), position)):
            raise UnsafeMessage(
                "The message was not sent: its header holds a line that is no field, and a Bcc after it."
            )
        return cls(fields, raw[position:])

    def first(self, name: bytes) -> bytes | None:
        """The value of the first field of that name, with its folding; `None` when there is none."""
        for known, field in self._fields:
            if known == name:
                return _value_of(field)
        return None

    def holds(self, name: bytes) -> bool:
        """Whether the first field of that name holds anything."""
        for known, field in self._fields:
            if known == name:
                return not field.endswith(b":\r\n") and bool(_value_of(field).strip())
        return False

    def every(self, name: bytes) -> list[bytes]:
        """The values of all fields of that name, with their folding."""
        return [_value_of(field) for known, field in self._fields if known == name]

    def remove(self, *names: bytes, value: bytes | None = None) -> None:
        """Take out the fields of these lower-case names; with `value` only those that hold just that."""
        self._fields = [
            (name, field)
            for name, field in self._fields
            if name not in names or (value is not None and _value_of(field).strip() != value)
        ]

    def replace(self, name: bytes, value: bytes) -> None:
        """Give the first field of that name another value, and take out any other; without one it comes last."""
        lowered = name.lower()
        place = next((index for index, (known, _) in enumerate(self._fields) if known == lowered), len(self._fields))
        fields = self._fields[:place] + [field for field in self._fields[place:] if field[0] != lowered]
        fields.insert(place, (lowered, name + b": " + value + b"\r\n"))
        self._fields = fields

    def add(self, name: bytes, value: bytes) -> None:
        """Put a field last."""
        self._fields.append((name.lower(), name + b": " + value + b"\r\n"))

    def names(self) -> Counter[bytes]:
        """How often each lower-case name is there."""
        return Counter(name for name, _ in self._fields)

    def assemble(self) -> bytes:
        """The message, once it has been read again and holds the fields that were meant, and no others.

        Raises:
            UnsafeMessage: a value holds what would make a field, a line or a header end of its own.
        """
        header = b"".join(field for _, field in self._fields)
        check_header(header, [name for name, _ in self._fields])
        return header + b"\r\n" + self.body


def check_header(header: bytes, meant: Sequence[bytes]) -> None:
    """Read a header block again, field by field, and compare the lower-case names with those that were meant.

    Raises:
        UnsafeMessage: a field holds what would begin another one, or there are other fields than those.
    """
    if b"\0" in header:
        raise UnsafeMessage("The message was not sent: a header field holds a NUL.")
    ends = header.count(b"\r\n")
    if header.count(b"\r") != ends or header.count(b"\n") != ends:
        raise UnsafeMessage("The message was not sent: a header field holds a bare CR or LF.")
    lines = _UNFOLDED_LINE.split(header)[:-1] if header else []
    if [line.partition(b":")[0].lower() for line in lines] == meant:
        return  # as nearly always: no blank before the colon, and names hold nothing that would pass here unseen
    found = Counter(_name_of(line) for line in lines)
    wanted = Counter(meant)
    if found != wanted:
        names = sorted((found - wanted) + (wanted - found))
        shown = ", ".join(clean(name.decode("latin-1")) or "an empty line" for name in names)
        raise UnsafeMessage(f"The message was not sent: its header is not what was meant ({shown}).")


def encode_text(text: str, used: int) -> bytes:
    """Text as the value of an unstructured field, folded; `used` is what its first line holds already.

    ASCII stays as it is; all else, and what would be read as an encoded word, becomes encoded words (RFC 2047).
    """
    text = clean(text)
    if text.isascii() and "=?" not in text and max(map(len, text.split(" "))) <= LONGEST_LINE - used - 1:
        return _folded(text.split(" "), used)
    return b"\r\n ".join(_encoded_words(text))


def _folded(words: list[str], used: int) -> bytes:
    """Break lines between words. Spaces at a break stay on its far side, so that no line is only white space."""
    lines, line = [], ""
    for index, word in enumerate(words):
        separator = " " if index else ""
        if line.strip() and word and used + len(line) + 1 + len(word) > _FOLD_AT:
            lines.append(line)
            line, used = separator + word, 0
        else:
            line += separator + word
    return "\r\n".join([*lines, line]).encode("ascii")


def _encoded_words(text: str) -> list[bytes]:
    words, chunk = [], b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    return [b"=?utf-8?B?" + b64encode(word) + b"?=" for word in (*words, chunk)]


def _name_of(field: bytes) -> bytes:
    found = _FIELD.match(field)
    return found[1].lower() if found else b""


def _value_of(field: bytes) -> bytes:
    return field.partition(b":")[2].removesuffix(b"\r\n")
