"""The header block of a message, cut by hand: the fetch path reads thousands a second and needs a handful of fields.

The standard library's parsers raise on real mail, look names up in quadratic time and cost ten times as much.
"""

import re
from collections.abc import Callable, Iterable, Iterator, KeysView
from functools import lru_cache

from core.mail.charsets import decode, extends_ascii
from core.mail.encoded_words import decode_words
from core.text import clean

LONGEST_BLOCK = 256 * 1024
"""Bytes of a message that are looked at for its header block."""

LONGEST_VALUE = 16 * 1024
"""Characters kept of one value."""

_LONGEST_NAME = 256

MOST_FIELDS = 1000
"""Fields kept of one message."""

# A line ends with CRLF, LF or a bare CR; CR CR LF is one ending that went through a text file twice.
_BLANK_LINE = re.compile(rb"(?>\r++\n|\r|\n)(?>\r++\n|\r|\n)")
_LINE_END = re.compile(r"\r++\n|\r")
_NEAR = 4096
_DECLARED_CHARSET = re.compile(rb"""charset[ \t]*+=[ \t]*+["']?([\w.:-]{1,40})""", re.IGNORECASE)
_NO_FIELD = re.compile(rb"(?:\A|(?<=[\r\n]))(?![!-9;-~]++[ \t]*+:|[ \t\r\n]|\Z)")


class Headers:
    """The fields of a message in their order; values are decoded when they are asked for."""

    __slots__ = ("_by_name", "_fields")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)
        by_name: dict[str, list[str]] = {}
        for name, value in self._fields:
            lowered = name.lower()
            if lowered in by_name:
                by_name[lowered].append(value)
            else:
                by_name[lowered] = [value]
        self._by_name = by_name

    def get(self, name: str) -> str | None:
        """The first value of that name, any case, decoded and cleaned; `None` when there is none."""
        values = self._by_name.get(name.lower())
        return _decoded(values[0]) if values else None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of that name, any case, decoded and cleaned, in their order."""
        return tuple(map(_decoded, self._by_name.get(name.lower(), ())))

    def raw(self, name: str) -> str | None:
        """The first value of that name, unfolded and nothing else: what has a grammar is read before it is decoded."""
        values = self._by_name.get(name.lower())
        return values[0] if values else None

    def raw_all(self, name: str) -> tuple[str, ...]:
        """Every value of that name, unfolded and nothing else."""
        values = self._by_name.get(name.lower())
        return tuple(values) if values else ()

    def raw_items(self) -> tuple[tuple[str, str], ...]:
        """Name and unfolded value of every field; neither is decoded or cleaned."""
        return self._fields

    def names(self) -> KeysView[str]:
        """The names there are, in lower case."""
        return self._by_name.keys()

    def without(self, is_unwanted: Callable[[str], bool]) -> "Headers":
        """These fields but those whose name, given in lower case, is unwanted."""
        unwanted = {name for name in self._by_name if is_unwanted(name)}
        if not unwanted:
            return self
        return Headers(field for field in self._fields if field[0].lower() not in unwanted)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return f"Headers({list(self._fields)!r})"


def read_header_block(raw: bytes) -> Headers:
    """Read the header block at the start of a message (RFC 5322 2.2), within bounds, whatever the bytes are."""
    return read_headers_and_body_start(raw)[0]


def read_headers_and_body_start(raw: bytes) -> tuple[Headers, int]:
    """Read the header block, and tell where the body begins."""
    end = raw.find(b"\r\n\r\n", 0, LONGEST_BLOCK)
    if end > 0 and not raw.startswith((b"\r", b"\n")):
        # Nearly all mail has CRLF throughout; the counts show that no other kind of line end stands anywhere.
        text, charset = _as_text(raw, end)
        text = _unfolded(text, "\r\n")
        lines = text.split("\r\n")
        if text.count("\r") == text.count("\n") == len(lines) - 1:
            return Headers(_fields(lines[:MOST_FIELDS], charset)), end + 4
    end, body_start = _block_end(raw)
    text, charset = _as_text(raw, end)
    text = _unfolded(_LINE_END.sub("\n", text.replace("\r\n", "\n")), "\n")
    return Headers(_fields(text.split("\n", MOST_FIELDS)[:MOST_FIELDS], charset)), body_start


def _unfolded(text: str, line_end: str) -> str:
    """The lines of a block with their continuations; the line end goes and nothing else (RFC 5322 2.2.3)."""
    return text.replace(f"{line_end} ", " ").replace(f"{line_end}\t", "\t")


def _block_end(raw: bytes) -> tuple[int, int]:
    """Where the header block ends and where the body begins."""
    if raw.startswith((b"\r", b"\n")):
        return 0, 2 if raw.startswith(b"\r\n") else 1
    if blank := _BLANK_LINE.search(raw, 0, LONGEST_BLOCK):
        return blank.span()
    if len(raw) > LONGEST_BLOCK:
        return _cut_block(raw)
    # No blank line at all: the body begins with the first line that is no field. A mailbox file's "From " is none.
    after_mbox_line = max(raw.find(b"\n"), 0) if raw.startswith((b"From ", b">From ")) else 0
    body = _NO_FIELD.search(raw, after_mbox_line)
    return (body.start(), body.start()) if body else (len(raw), len(raw))


def _cut_block(raw: bytes) -> tuple[int, int]:
    """Where a block that is too long is cut, between two lines, and where the body begins, far behind."""
    ends = [found + len(blank) for blank in (b"\r\n\r\n", b"\n\n") if (found := raw.find(blank, LONGEST_BLOCK)) >= 0]
    return max(raw.rfind(b"\n", 0, LONGEST_BLOCK), 0), min(ends, default=len(raw))


def _as_text(raw: bytes, end: int) -> tuple[str, str | None]:
    """A block as text, and `None`; one that is not UTF-8 as Latin-1, which keeps its bytes for each field to be read
    alone, by the charset beside it.
    """
    try:
        return raw[:end].decode(), None
    except UnicodeDecodeError:
        return raw[:end].decode("latin-1"), _declared_charset(raw, end)


def _declared_charset(raw: bytes, end: int) -> str:
    """The first charset that is named in a block or soon behind it, in a first part; an empty text if none is.

    No field says what it is written in, since RFC 6532 knows UTF-8 alone; whoever sends another writes all in it.
    """
    declared = _DECLARED_CHARSET.search(raw, 0, end + _NEAR)
    charset = declared[1].decode("latin-1") if declared else ""
    return charset if extends_ascii(charset) else ""


def _fields(lines: list[str], charset: str | None) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        written, colon, value = line.partition(":")
        # A line that is no field is passed over: one bad line must not hide the fields behind it.
        if not colon or len(written) > _LONGEST_NAME or not (name := _field_name(written)):
            continue
        if charset is not None:
            value = _eight_bit(value.encode("latin-1"), charset)
        if len(value) > LONGEST_VALUE:
            value = _cut_between_words(value)
        fields.append((name, value.strip()))
    return fields


def _eight_bit(value: bytes, charset: str) -> str:
    """A value of a block that is not UTF-8 as a whole; where it is so itself, nothing else is likelier."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return decode(value, charset)


@lru_cache(maxsize=4096)
def _field_name(written: str) -> str:
    """The name before a colon (RFC 5322 2.2), or an empty text if no field is called so."""
    # The same few hundred names come again and again.
    name = written.rstrip(" \t")
    return name if name.isascii() and name.isprintable() and " " not in name else ""


def _cut_between_words(value: str) -> str:
    """Cut a value that is too long at white space, so that no half of an address is taken for one."""
    value = value.strip()
    if len(value) <= LONGEST_VALUE:
        return value
    head = value[: LONGEST_VALUE + 1]
    return head.rsplit(None, 1)[0] if any(map(str.isspace, head)) else head[:LONGEST_VALUE]


def _decoded(value: str) -> str:
    if "=?" not in value and value.isprintable():
        return value.strip()  # as nearly all are
    return clean(decode_words(value)).strip()
