"""Header fields made fit for a relay: text beyond ASCII as encoded words (RFC 2047), long lines folded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from core.mail.charsets import decode
from core.mail.comma_list import between_commas
from core.mail.encoded_words import decode_words
from core.mail.header_block import LONGEST_LINE, encode_text
from core.mail.strict_address import strict_address

BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

_FIELD = re.compile(rb"(?P<name>[!-9;-~]+)(?P<colon>[ \t]*:)(?P<value>.*)", re.DOTALL)
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_ADDRESSES = re.compile(rb"(?:resent-)?(?:from|to|cc|bcc|sender|reply-to)")
_RECIPIENTS = re.compile(rb"(?:resent-)?(?:to|cc)")
_PARAMETER = re.compile(rb';[ \t\r\n]*(?P<name>[A-Za-z0-9_-]+)=(?P<value>"(?:[^"\\]|\\.)*+"|[^;\s"]+)')
_WITH_PARAMETERS = (b"content-type", b"content-disposition")


@dataclass
class Fields:
    """The fields of a header, each as its bytes without the last CRLF, in their order."""

    fields: list[bytes]
    has_end: bool
    """Whether an empty line ends it."""

    @classmethod
    def cut(cls, header: bytes) -> Fields:
        """Cut a header at its lines that do not begin blank."""
        has_end = header.endswith(b"\r\n\r\n") or header == b"\r\n"
        block = header.removesuffix(b"\r\n") if has_end else header
        return cls([each for each in _NEXT_FIELD.split(block) if each], has_end)

    def value(self, name: bytes) -> bytes:
        """The value of the first field of that lower-case name; empty if there is none."""
        return next((value for known, value in map(_cut, self.fields) if known == name), b"")

    def kind(self) -> str:
        """The media type in lower case; what says none is text (RFC 2045 §5.2)."""
        kind = self.value(b"content-type").partition(b";")[0].strip().lower().decode("ascii", "replace")
        return kind if "/" in kind else "text/plain"

    def parameter(self, name: bytes, parameter: bytes) -> bytes:
        """A parameter of a field, without its quotes; empty if there is none."""
        for found in _PARAMETER.finditer(self.value(name)):
            if found["name"].lower() == parameter:
                value = found["value"]
                return re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value.startswith(b'"') else value
        return b""

    def replace(self, name: bytes, value: bytes) -> None:
        """Give a field its only value."""
        self.fields = [each for each in self.fields if _cut(each)[0] != name.lower()]
        self.add(name + b": " + value)

    def add(self, field: bytes) -> None:
        """Put a field last."""
        self.fields.append(field)
        self.has_end = True

    def assemble(self) -> bytes:
        """The header with its end."""
        return b"".join(each + b"\r\n" for each in self.fields) + (b"\r\n" if self.has_end else b"")


def fitted_fields(fields: Fields, *, takes_utf8: bool) -> Fields:
    """The same fields, fit: those that are so already stay as they are."""
    return Fields([_fitted(field, takes_utf8=takes_utf8) for field in fields.fields], fields.has_end)


def named_recipients(fields: Fields) -> Fields:
    """The same fields, in To and Cc each address beyond ASCII as an empty group of its name (RFC 6857 §3.1.8).

    From and Sender stay: who sends a message must be told.
    """
    return Fields([_named(field) for field in fields.fields], fields.has_end)


def _named(field: bytes) -> bytes:
    found = _FIELD.fullmatch(field)
    if field.isascii() or found is None or not _RECIPIENTS.fullmatch(found["name"].lower()):
        return field
    text = found["value"].replace(b"\r\n", b"").decode("utf-8", "replace")
    pieces = (_empty_group(piece.strip()) for piece in between_commas(text))
    return field[: found.start("value")] + b" " + b",\r\n ".join(pieces)


def _empty_group(piece: str) -> bytes:
    if piece.isascii():
        return piece.encode("ascii")
    return encode_text(decode_words(piece), LONGEST_LINE) + b" :;"


def _fitted(field: bytes, *, takes_utf8: bool) -> bytes:
    if not field.isascii() and not takes_utf8:
        field = _encoded(field)
    if max(map(len, field.split(b"\r\n"))) > LONGEST_LINE:
        field = b"\r\n".join(_folded(line) for line in field.split(b"\r\n"))
    return field


def _encoded(field: bytes) -> bytes:
    found = _FIELD.fullmatch(field)
    if found is None:
        return BEYOND_ASCII.sub(b"?", field)
    name, value = found["name"].lower(), found["value"]
    before = field[: found.start("value")]
    if name in _WITH_PARAMETERS:
        return before + _PARAMETER.sub(_encoded_parameter, value)
    text = decode(value.replace(b"\r\n", b"")).strip()
    if _ADDRESSES.fullmatch(name):
        pieces = (_encoded_address(piece.strip()) for piece in between_commas(text))
        return before + b" " + b",\r\n ".join(pieces)
    return before + b" " + encode_text(decode_words(text), len(before) + 1)


def _encoded_address(piece: str) -> bytes:
    """`Name <address>` with its name encoded. A domain has a form in ASCII, what stands before the @ needs SMTPUTF8."""
    name, angle, address = piece.rpartition("<")
    if not angle:
        return _sayable(piece).encode("utf-8", "replace")
    address = _sayable(address.removesuffix(">")) + ">" * address.endswith(">")
    if name.isascii():
        return f"{name}<{address}".encode("utf-8", "replace")
    name = re.sub(r"\\(.)", r"\1", name.strip().strip('"')).strip()
    return encode_text(name, LONGEST_LINE) + b"\r\n <" + address.encode("utf-8", "replace")


def _sayable(address: str) -> str:
    try:
        return strict_address(address, allow_utf8=True)
    except ValueError:
        return address


def _encoded_parameter(found: re.Match[bytes]) -> bytes:
    """A parameter in the form of RFC 2231 §4 if it needs one."""
    value = found["value"]
    if value.isascii():
        return found.group()
    plain = re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value.startswith(b'"') else value
    return b";\r\n %b*=utf-8''%b" % (found["name"], quote(decode(plain), safe="").encode("ascii"))


def _folded(line: bytes) -> bytes:
    """A line broken at white space, where there is some."""
    pieces, start = [], 0
    while len(line) - start > LONGEST_LINE:
        at = line.rfind(b" ", start + 1, start + LONGEST_LINE)
        if at < 0 or not line[start:at].strip():
            break
        pieces.append(line[start:at])
        start = at
    return b"\r\n".join([*pieces, line[start:]])


def _cut(field: bytes) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(field)
    return (found["name"].lower(), found["value"].strip()) if found else (b"", b"")
