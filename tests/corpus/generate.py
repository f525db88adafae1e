"""Mixed mail in any number: the same count and seed always give the same bytes."""

import base64
import quopri
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

CRLF = b"\r\n"
LARGEST_ATTACHMENT = 1_000_000

_TEXTS = {
    "utf-8": "Grüße aus Zürich — 你好，世界 — Привет 😀 — the printer says “no”",
    "iso-8859-1": "Größe, café, señor, Ångström, ½ Stück für 5 £",
    "windows-1252": "“Smart” quotes – and a price of 5 €… naïve Œuvre",
    "koi8-r": "Здравствуйте, принтер на третьем этаже снова не печатает",
    "iso-2022-jp": "こんにちは、プリンターが動きません。よろしくお願いします",
}
_NAMES = ("Ada", "Björn", "Chiyo", "Dmitri", "Élodie", "Fatima", "Goran", "Hana")


@dataclass(frozen=True)
class _Part:
    """A MIME part: its header lines without the last line end, and its body."""

    header: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return self.header + CRLF + CRLF + self.body


def mixed_messages(count: int, seed: int = 1) -> Iterator[bytes]:
    """So many messages with CRLF line ends, 22 kB each in the mean.

    Plain (in five charsets), multipart/alternative, with attachments up to 1 MB. A few have lines over 2,048 characters, no
    line end at the end, no Message-ID (5 %), the Message-ID of another (1 %), or are an earlier message byte for byte.
    """
    rng = random.Random(seed)
    # Attachments are cut from one pool, whole lines of base64, as encoding each by itself would take most of the time.
    pool = base64.encodebytes(rng.randbytes(2 * LARGEST_ATTACHMENT)).replace(b"\n", CRLF)
    last, last_id = b"", b""
    for number in range(count):
        if last and rng.random() < 0.002:
            yield last
            continue
        message_id = _message_id(rng, seed, number, last_id)
        last = _message(rng, f"{seed}-{number:06d}", message_id, pool)
        last_id = message_id or last_id
        yield last


def torture_id(raw: bytes) -> str:
    """The id that a generated message carries in its body; twins share theirs."""
    found = re.search(rb"X-Torture-Id: ([0-9-]+)", raw.partition(CRLF + CRLF)[2])
    assert found is not None
    return found[1].decode()


def _message_id(rng: random.Random, seed: int, number: int, other: bytes) -> bytes:
    chance = rng.random()
    if chance < 0.05:
        return b""
    if chance < 0.06 and other:
        return other
    return f"<{seed}.{number}.{rng.getrandbits(32):08x}@mail.example.org>".encode()


def _message(rng: random.Random, identity: str, message_id: bytes, pool: bytes) -> bytes:
    charset = rng.choice(tuple(_TEXTS))
    part = _content(rng, identity, charset, pool)
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(40_000_000))
    name = rng.choice(_NAMES)
    lines = [
        b"Received: from client.example.org by mail.example.org; " + format_datetime(at).encode(),
        b"From: " + _encoded(name, "utf-8") + b" <" + f"user{rng.randrange(500)}@example.org".encode() + b">",
        b"To: Support <support@example.com>",
        b"Subject: " + _encoded(f"{_TEXTS[charset][:24]} {identity}", charset),
        b"Date: " + format_datetime(at).encode(),
        *([b"Message-ID: " + message_id] if message_id else []),
        b"X-Torture-Id: " + identity.encode(),
        b"MIME-Version: 1.0",
    ]
    raw = CRLF.join(lines) + CRLF + bytes(part)
    return raw.removesuffix(CRLF) if rng.random() < 0.02 else raw


def _content(rng: random.Random, identity: str, charset: str, pool: bytes) -> _Part:
    chance = rng.random()
    text = _text(rng, identity, charset)
    if chance < 0.55:
        return text
    if chance < 0.895:
        return _multipart(b"alternative", identity, [text, _html(identity, charset)])
    return _multipart(b"mixed", identity, [text, _attachment(rng, pool)])


def _text(rng: random.Random, identity: str, charset: str) -> _Part:
    sentence = _TEXTS[charset]
    lines = [f"X-Torture-Id: {identity}", sentence, *(rng.choice(_FILLERS) for _ in range(rng.randrange(3, 80)))]
    if rng.random() < 0.03:
        lines.append("long " * rng.randrange(420, 2000))
    body = "\r\n".join([*lines, sentence, ""]).encode(charset)
    if rng.random() < 0.4 and charset != "iso-2022-jp":
        quoted = quopri.encodestring(body.replace(CRLF, b"\n")).replace(b"\n", CRLF)
        return _Part(_type(charset, b"plain", b"quoted-printable"), quoted)
    return _Part(_type(charset, b"plain", b"7bit" if charset == "iso-2022-jp" else b"8bit"), body)


_FILLERS = (
    "The quick brown fox jumps over the lazy dog, and then again.",
    ".a line that begins with a dot",
    ".",
    "From here on it gets interesting.",
    "> a line that somebody quoted",
    "\tindented by a tab, with trailing spaces   ",
    "",
    "-- ",
)


def _html(identity: str, charset: str) -> _Part:
    page = f"<html><body><h1>{identity}</h1><p>{_TEXTS[charset]}</p></body></html>\r\n".encode(charset)
    return _Part(_type(charset, b"html", b"base64"), base64.encodebytes(page).replace(b"\n", CRLF))


def _attachment(rng: random.Random, pool: bytes) -> _Part:
    # Log-uniform: as many between 1 and 10 kB as between 100 kB and 1 MB. A line of base64 holds 57 bytes in 78.
    lines = max(1, int(LARGEST_ATTACHMENT ** rng.uniform(0.45, 1.0)) // 57)
    start = rng.randrange(len(pool) // 78 - lines)
    header = b'Content-Type: application/octet-stream; name="data.bin"\r\nContent-Transfer-Encoding: base64\r\n'
    disposition = b'Content-Disposition: attachment; filename="data.bin"'
    return _Part(header + disposition, pool[start * 78 : (start + lines) * 78])


def _multipart(subtype: bytes, identity: str, parts: list[_Part]) -> _Part:
    boundary = b"=_" + identity.encode()
    body = b"".join(b"--" + boundary + CRLF + bytes(part) + CRLF for part in parts) + b"--" + boundary + b"--" + CRLF
    return _Part(b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"', body)


def _type(charset: str, subtype: bytes, encoding: bytes) -> bytes:
    kind = b"Content-Type: text/" + subtype + b"; charset=" + charset.encode()
    return kind + CRLF + b"Content-Transfer-Encoding: " + encoding


def _encoded(text: str, charset: str) -> bytes:
    """An encoded word (RFC 2047); ASCII stays as it is."""
    if text.isascii():
        return text.encode()
    return b"=?" + charset.encode() + b"?b?" + base64.b64encode(text.encode(charset)) + b"?="
