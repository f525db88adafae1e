"""The body of a message as a person reads it: its text, its HTML, its attachments."""

import re
from dataclasses import dataclass, replace
from itertools import chain, islice
from urllib.parse import unquote

from core.mail.charsets import decode
from core.mail.file_names import name_for, safe_file_name
from core.mail.flowed import unwrap_flowed
from core.mail.headers import read_header_block
from core.mail.html_charset import charset_of_html
from core.mail.html_text import LONGEST_LAYOUT, html_to_text
from core.mail.parameters import read_parameterized
from core.mail.parts import MOST_PARTS, MimePart, read_parts
from core.mail.transfer import decode_transfer, decoded_size, is_encoded
from core.mail.uuencoded import split_off_files
from core.text import bounded, clean

LONGEST_TEXT = 1_000_000
"""Characters of text, and of HTML, that are read unless a caller says otherwise."""

_TEXTS = ("text/plain", "text/html")
_MESSAGES = ("message/rfc822", "message/global", "message/news")
_SHOWN_IN_HTML = re.compile(r"""\bcid:([^\s"'<>()]+)""", re.IGNORECASE)
_LONGEST_SHOWN_NAME = 255
# A character takes at most four bytes, a byte at most three in quoted-printable, with soft line ends between.
_BYTES_PER_CHARACTER = 4
_ENCODED_BYTES_PER_CHARACTER = _BYTES_PER_CHARACTER * 3 + 1


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment: what is not shown as text."""

    name: str
    """As it is shown: decoded, cleaned, bounded. For a file take `file_name`."""

    media_type: str
    """What the sender says it is; proof of nothing."""

    size: int
    """Bytes, decoded."""

    content_id: str
    """By which HTML refers to it, without angle brackets; empty if it has none."""

    is_inline: bool
    """Whether it is meant to be shown within the text, as pictures are."""

    mime: MimePart
    """Where its content is."""

    @property
    def file_name(self) -> str:
        """A name under which it can be saved without harm."""
        return safe_file_name(self.name)

    def content(self, raw: bytes) -> bytes:
        """Its bytes, decoded, out of the message it was read from."""
        return self.mime.content(raw)


@dataclass(frozen=True, slots=True)
class Body:
    """What a message holds."""

    text: str
    """The text, cleaned, LF between lines; where there is HTML alone, what it says; of files alone the first text; of a
    message that is nothing but another one, that one's.
    """

    html: str
    """The HTML as it came, cleaned; empty if there is none. Foreign: never to be rendered as it is."""

    parts: tuple[Part, ...]
    """The attachments in their order; a message within the message is one, and so is what TNEF wraps."""

    is_cut: bool
    """Whether there was more than the bounds allow."""

    @property
    def attachments(self) -> tuple[Part, ...]:
        """The parts that the HTML does not show in their place (RFC 2392): a logo in a signature is no attachment."""
        shown = {unquote(content_id) for content_id in _SHOWN_IN_HTML.findall(self.html)}
        return tuple(part for part in self.parts if part.content_id not in shown)


def read_body(raw: bytes, limit: int = LONGEST_TEXT) -> Body:
    """Read text and attachments of a message; `limit` is the most characters of text and HTML together."""
    body = read_own_body(raw, limit)
    forwarded = body.parts[0] if len(body.parts) == 1 else None
    if forwarded is None or forwarded.media_type != "message/rfc822" or body.text.strip():
        return body
    # Who forwards a message and adds no word, or GroupWise as it forwards, says what that one does.
    inner = read_own_body(forwarded.content(raw), limit)
    return replace(body, text=inner.text, is_cut=body.is_cut or inner.is_cut)


def read_own_body(raw: bytes, limit: int = LONGEST_TEXT) -> Body:
    """The same, but of a message that is nothing but another one no text: for whoever asks what the sender says."""
    mime_parts = _parts(raw)
    texts = _texts(raw, [part for part in mime_parts if _is_shown(part)] or _first_text(mime_parts), limit)
    text = "\n".join(_readable(texts))
    html = "\n".join(content for part, content in texts if part.content_type.value == "text/html")
    return Body(
        text=bounded(text, limit),
        html=bounded(html, limit),
        parts=tuple(_attachment(raw, part) for part in mime_parts if not _is_shown(part)),
        is_cut=len(mime_parts) >= MOST_PARTS
        or sum(len(content) for _, content in texts) > limit
        or any(part.content_type.value.startswith("multipart/") for part in mime_parts),
    )


def _parts(raw: bytes) -> tuple[MimePart, ...]:
    pieces = (split_off_files(raw, part) if _is_shown(part) else (part,) for part in read_parts(raw))
    return tuple(islice(chain.from_iterable(pieces), MOST_PARTS))


def _first_text(parts: tuple[MimePart, ...]) -> list[MimePart]:
    """What is read where no text is meant to be shown: monitors and mail systems send what they say as a file."""
    return [part for part in parts if part.content_type.value.startswith("text/")][:1]


def _is_shown(part: MimePart) -> bool:
    if part.content_type.value not in _TEXTS:
        return False
    disposition = read_parameterized(part.headers.raw("content-disposition"))
    # A message that is nothing but a text often gives that text a name; it is its body all the same.
    return disposition.value != "attachment" and (part.depth == 0 or not _file_name(part))


def _texts(raw: bytes, shown: list[MimePart], limit: int) -> list[tuple[MimePart, str]]:
    """The content of each text, until together they are longer than the limit."""
    texts: list[tuple[MimePart, str]] = []
    # One more than the limit tells that something was cut.
    room = limit + 1
    for part in shown:
        text = _text_of(raw, part, room)
        texts.append((part, text))
        room -= len(text)
        if room <= 0:
            break
    return texts


def _text_of(raw: bytes, part: MimePart, limit: int) -> str:
    encoded_limit = limit * _ENCODED_BYTES_PER_CHARACTER + 4096
    charset = part.content_type.get("charset").partition(" ")[0].strip("\"'")
    encoded = raw[part.start : min(part.end, part.start + encoded_limit)]
    content = decode_transfer(encoded, part.encoding) if is_encoded(encoded, part.encoding) else encoded
    content = content[: limit * _BYTES_PER_CHARACTER]
    if part.content_type.value == "text/html":
        charset = charset_of_html(content, charset)
    text = clean(decode(content, charset), multiline=True)
    if part.content_type.value == "text/plain" and part.content_type.get("format").lower() == "flowed":
        text = unwrap_flowed(text, delete_space=part.content_type.get("delsp").lower() == "yes")
    return text[:limit]


def _readable(texts: list[tuple[MimePart, str]]) -> list[str]:
    """What to read: of alternatives the plain one unless it is empty, of everything else all."""
    has_plain = {
        part.alternative for part, text in texts if part.content_type.value == "text/plain" and text.strip()
    } - {0}
    readable: list[str] = []
    room = LONGEST_LAYOUT
    for part, text in texts:
        if part.content_type.value != "text/html":
            readable.append(text)
        elif part.alternative not in has_plain:
            readable.append(html_to_text(text, longest_layout=room))
            room = max(room - len(text), 0)
    return [text for text in readable if text.strip()]


def _attachment(raw: bytes, part: MimePart) -> Part:
    disposition = read_parameterized(part.headers.raw("content-disposition"))
    return Part(
        name=bounded(_file_name(part) or _generated_name(raw, part), _LONGEST_SHOWN_NAME),
        media_type=bounded(part.content_type.value, _LONGEST_SHOWN_NAME),
        size=decoded_size(raw[part.start : part.end], part.encoding),
        content_id=bounded((part.headers.get("content-id") or "").strip("<> "), _LONGEST_SHOWN_NAME),
        is_inline=disposition.value == "inline" or (not disposition.value and "content-id" in part.headers),
        mime=part,
    )


def _file_name(part: MimePart) -> str:
    disposition = read_parameterized(part.headers.raw("content-disposition"))
    return disposition.get("filename") or part.content_type.get("name")


def _generated_name(raw: bytes, part: MimePart) -> str:
    """A name for what has none: a message goes by its subject."""
    if part.content_type.value not in _MESSAGES:
        return name_for(part.content_type.value)
    subject = read_header_block(part.content(raw, 64 * 1024)).get("subject")
    # No slash: what stands before it would be taken for a folder.
    return f"{(subject or 'message').replace('/', '_')}.eml"
