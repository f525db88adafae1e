"""Messages for relays that take ASCII alone: text beyond it is encoded, and nothing else is touched.

A relay that does not offer 8BITMIME (RFC 6152) may cut the eighth bit off; header fields in UTF-8 (RFC 6532) are
bounced by the first relay on the way that does not know SMTPUTF8, so they are encoded wherever no address needs it.
"""

from __future__ import annotations

import quopri
import re
from base64 import encodebytes
from urllib.parse import quote_from_bytes

from core.mail.charsets import decode
from core.mail.encoded_words import decode_words
from core.mail.header_block import HeaderBlock, encode_text
from core.mail.parts import MimePart, read_parts
from core.text import clean

_DEEPEST = 20
_ADDRESSES = frozenset(
    {
        b"from", b"to", b"cc", b"reply-to", b"sender", b"resent-from", b"resent-to", b"resent-cc", b"resent-sender",
        b"disposition-notification-to", b"errors-to", b"return-receipt-to", b"mail-followup-to", b"mail-reply-to",
    }
)  # fmt: skip
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_PARAMETERS = frozenset({b"content-type", b"content-disposition"})

_BEYOND = re.compile(rb"[\x80-\xff]")
# In a list of addresses only names and comments may be encoded: quoted text, or words up to what structures the list.
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s<>()\[\]:;@,"\\]+(?:[ \t]+[^\s<>()\[\]:;@,"\\]+)*')
_PARAMETER = re.compile(rb'([^\s=;"*]+)=("(?:[^"\\]|\\.)*"|[^\s;]*)')
_BASE64_FROM = 1 / 3
"""Text of which more is beyond ASCII is shorter in base64."""


def with_plain_header(raw: bytes) -> bytes:
    """A canonical message whose header is ASCII: text beyond it stands in encoded words (RFC 2047)."""
    end = raw.find(b"\r\n\r\n")
    head = raw[: end + 4] if end >= 0 else raw
    return raw if head.isascii() else _plain_fields(head) + raw[len(head) :]


def seven_bit(raw: bytes, depth: int = 0) -> bytes:
    """A canonical message in ASCII alone: as above, and each part beyond it in quoted-printable or base64."""
    if raw.isascii():
        return raw
    pieces: list[bytes] = []
    position = 0
    for part in read_parts(raw):
        start = max(_header_start(raw, part), position)
        pieces.append(_plain_between(raw[position:start]))
        pieces.append(_plain_part(raw[start : part.start], raw[part.start : part.end], part, depth))
        position = part.end
    return b"".join(pieces) + _plain_between(raw[position:])


def _header_start(raw: bytes, part: MimePart) -> int:
    """Where a part's header begins: behind the delimiter's line; the message's own at its beginning."""
    if not part.depth:
        return 0
    dashes = raw.rfind(b"\n--", 0, part.start)
    return min(raw.find(b"\n", dashes + 1) + 1 or part.start, part.start)


def _plain_between(between: bytes) -> bytes:
    """What stands around the parts: the message's header, delimiters, headers of multiparts, text that nobody reads."""
    return between if between.isascii() else _BEYOND.sub(b"?", with_plain_header(between))


def _plain_part(header: bytes, content: bytes, part: MimePart, depth: int) -> bytes:
    if content.isascii():
        return _plain_fields(header) + content
    encoding, encoded = _encoded(content, part, depth)
    block = HeaderBlock.cut(header)
    block.replace(b"Content-Transfer-Encoding", encoding)
    if not part.depth and not depth and block.first(b"mime-version") is None:
        block.add(b"MIME-Version", b"1.0")
    return _plain_fields(block.assemble()) + encoded


def _encoded(content: bytes, part: MimePart, depth: int) -> tuple[bytes, bytes]:
    """The name of a transfer encoding, and the content in it."""
    kind = part.content_type.value
    match part.encoding:
        case "base64":
            return b"base64", _BEYOND.sub(b"", content)
        case "quoted-printable":
            return b"quoted-printable", _BEYOND.sub(lambda found: b"=%02X" % found.group()[0], content)
        case _ if kind in _MESSAGES and depth < _DEEPEST:
            # Nothing but 7bit is allowed around a message (RFC 2046 §5.2.1): its own parts are encoded.
            return b"7bit", seven_bit(content, depth + 1)
    if kind.startswith(("text/", "message/")) and len(_BEYOND.findall(content)) < len(content) * _BASE64_FROM:
        lines = quopri.encodestring(content.replace(b"\r\n", b"\n"))
        return b"quoted-printable", lines.replace(b"\n", b"\r\n")
    return b"base64", encodebytes(content).rstrip().replace(b"\n", b"\r\n") + b"\r\n" * content.endswith(b"\r\n")


def _plain_fields(head: bytes) -> bytes:
    """A header block, with the empty line after it if it has one, in ASCII."""
    if head.isascii():
        return head
    block = HeaderBlock.cut(head)
    block.rewrite(_plain_value)
    return _BEYOND.sub(b"?", block.assemble())


def _plain_value(name: bytes, value: bytes) -> bytes | None:
    if value.isascii():
        return None
    unfolded = value.replace(b"\r\n", b"").strip()
    if name in _PARAMETERS:
        return _PARAMETER.sub(_plain_parameter, unfolded)
    text = clean(decode(unfolded))
    return _plain_addresses(text) if name in _ADDRESSES else encode_text(decode_words(text), len(name) + 2)


def _plain_addresses(text: str) -> bytes:
    def plain(found: re.Match[str]) -> str:
        name = found.group()
        if name.isascii() or text[found.end() : found.end() + 1] == "@":
            return name
        bare = re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
        return encode_text(bare, 0).decode("ascii")

    return _NAME.sub(plain, text).replace(", ", ",\r\n ").encode("ascii", "replace")


def _plain_parameter(found: re.Match[bytes]) -> bytes:
    """`name="…"` as RFC 2231 §4 has it, if it is beyond ASCII."""
    name, value = found.groups()
    if value.isascii():
        return found.group()
    bare = re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value.startswith(b'"') else value
    return b"%b*=utf-8''%b" % (name, quote_from_bytes(decode(bare).encode("utf-8", "replace"), safe="").encode())
