"""A message made fit for the relay at hand: 8 bits only where they are taken, no line that is too long, no NUL.

What fits is left as it is, byte for byte. What does not is encoded part by part (RFC 2045 §6), as a relay would have
to do it later (RFC 6152 §3); for a NUL (RFC 5321 §4.1.2 knows none) Sendmail refuses a message. Signed and encrypted
parts are left alone: encoding them anew would break their seal.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from binascii import a2b_qp, b2a_qp

from core.mail.canonical import is_canonical
from core.mail.fitting_header import BEYOND_ASCII, Fields, fitted_fields, named_recipients

LONGEST_LINE = 998
"""Octets of a line without its CRLF (RFC 5321 §4.5.3.1.6)."""

DEEPEST = 40
"""Parts within parts that are looked into."""

_BASE64_LINE = 57
_BASE64_FROM = 1 / 3
"""Text of which more is beyond ASCII is shorter in base64."""
_SEALED = ("multipart/signed", "multipart/encrypted")


def fitted(raw: bytes, *, takes_8bit: bool, takes_utf8: bool = False) -> bytes:
    """The message for a relay that takes 8 bits in bodies (8BITMIME), and in headers if SMTPUTF8 is asked of it.

    Args:
        raw: the message in canonical CRLF.
        takes_8bit: whether 8BITMIME is offered (RFC 6152).
        takes_utf8: whether the message is handed over with SMTPUTF8 (RFC 6531), so that its header may stay.
    """
    end = _header_end(raw)
    header, body = raw[:end], raw[end:]
    if is_fit(body, takes_8bit=takes_8bit):
        if is_fit(header, takes_8bit=takes_utf8):
            return raw
        return fitted_fields(Fields.cut(header), takes_utf8=takes_utf8).assemble() + body
    fields = Fields.cut(header)
    if not fields.value(b"mime-version"):
        fields.add(b"MIME-Version: 1.0")
        if not fields.value(b"content-type"):
            fields.add(b"Content-Type: text/plain; charset=" + _charset_of(body))
    return _entity(fields, body, 0, takes_8bit=takes_8bit, takes_utf8=takes_utf8)


def is_fit(raw: bytes, *, takes_8bit: bool) -> bool:
    """Whether there is nothing in it that must be encoded."""
    return (takes_8bit or raw.isascii()) and b"\0" not in raw and not has_long_line(raw)


def has_plain_header(raw: bytes) -> bool:
    """Whether its header is ASCII."""
    return raw[: _header_end(raw)].isascii()


def without_utf8_recipients(raw: bytes) -> bytes:
    """The message with To and Cc in ASCII for a relay that knows no SMTPUTF8: who has such an address is only named."""
    end = _header_end(raw)
    return named_recipients(Fields.cut(raw[:end])).assemble() + raw[end:]


def has_long_line(raw: bytes) -> bool:
    """Whether any line is longer than the standard allows."""
    start = 0
    # From one line's end to the last one within reach: large messages are looked at in steps of a kilobyte.
    while len(raw) - start > LONGEST_LINE + 2:
        end = raw.rfind(b"\n", start, start + LONGEST_LINE + 2)
        if end < 0:
            return True
        start = end + 1
    return False


def _entity(fields: Fields, body: bytes, depth: int, *, takes_8bit: bool, takes_utf8: bool) -> bytes:
    """One entity with its parts; every part is judged by itself."""
    fields = fitted_fields(fields, takes_utf8=takes_utf8)
    kind = fields.kind()
    if not is_fit(body, takes_8bit=takes_8bit) and kind not in _SEALED and depth < DEEPEST:
        if kind.startswith("multipart/"):
            body = _multipart(fields, body, depth, takes_8bit=takes_8bit, takes_utf8=takes_utf8)
        elif kind == "message/rfc822":
            end = _header_end(body)
            inner = Fields.cut(body[:end])
            body = _entity(inner, body[end:], depth + 1, takes_8bit=takes_8bit, takes_utf8=takes_utf8)
        else:
            return _leaf(fields, body, kind)
        if body.isascii() and fields.value(b"content-transfer-encoding"):
            fields.replace(b"Content-Transfer-Encoding", b"7bit")
    return fields.assemble() + body


def _multipart(fields: Fields, body: bytes, depth: int, *, takes_8bit: bool, takes_utf8: bool) -> bytes:
    boundary = fields.parameter(b"content-type", b"boundary")
    if not boundary:
        return body if takes_8bit else BEYOND_ASCII.sub(b"?", body)
    delimiter = re.compile(rb"(?:\A|\r\n)--%b(?P<last>--)?[ \t]*(?:\r\n|\Z)" % re.escape(boundary))
    pieces, position, is_over = [], 0, False
    for found in delimiter.finditer(body):
        piece = body[position : found.start()]
        # Before the first delimiter and behind the last one stands nothing that anybody reads.
        plain = piece if takes_8bit else BEYOND_ASCII.sub(b"?", piece)
        pieces.append(_part(piece, depth, takes_8bit=takes_8bit, takes_utf8=takes_utf8) if position else plain)
        pieces.append(found.group())
        position, is_over = found.end(), bool(found["last"])
        if is_over:
            break
    rest = body[position:]
    if position and not is_over:
        pieces.append(_part(rest, depth, takes_8bit=takes_8bit, takes_utf8=takes_utf8))
    else:
        pieces.append(rest if takes_8bit else BEYOND_ASCII.sub(b"?", rest))
    return b"".join(pieces)


def _part(raw: bytes, depth: int, *, takes_8bit: bool, takes_utf8: bool) -> bytes:
    if is_fit(raw, takes_8bit=takes_8bit) and raw.isascii():
        return raw
    end = _header_end(raw)
    return _entity(Fields.cut(raw[:end]), raw[end:], depth + 1, takes_8bit=takes_8bit, takes_utf8=takes_utf8)


def _leaf(fields: Fields, body: bytes, kind: str) -> bytes:
    """A part without parts, in the encoding that suits it: text stays readable."""
    encoding = fields.value(b"content-transfer-encoding").strip().lower()
    content = _decoded(body, encoding)
    is_mostly_ascii = len(BEYOND_ASCII.findall(content)) < len(content) * _BASE64_FROM
    if kind.startswith("text/") and encoding != b"base64" and is_mostly_ascii:
        fields.replace(b"Content-Transfer-Encoding", b"quoted-printable")
        return fields.assemble() + b2a_qp(content, istext=is_canonical(content + b"\r\n"))
    fields.replace(b"Content-Transfer-Encoding", b"base64")
    lines = (b64encode(content[at : at + _BASE64_LINE]) for at in range(0, len(content), _BASE64_LINE))
    end = b"\r\n" if body.endswith(b"\r\n") else b""
    return fields.assemble() + b"\r\n".join(lines) + end


def _decoded(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        try:
            return b64decode(body)
        except NoBase64:
            return body
    return a2b_qp(body) if encoding == b"quoted-printable" else body


def _header_end(raw: bytes) -> int:
    """Where the body begins: behind the empty line, or there is none."""
    if raw.startswith(b"\r\n"):
        return 2
    end = raw.find(b"\r\n\r\n")
    return len(raw) if end < 0 else end + 4


def _charset_of(body: bytes) -> bytes:
    if body.isascii():
        return b"us-ascii"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return b"unknown-8bit"  # RFC 1428 §3
    return b"utf-8"
