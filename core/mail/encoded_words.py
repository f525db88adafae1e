"""Encoded words in header values (RFC 2047), as they are really written."""

import binascii
import re

from core.mail.charsets import decode, encode

# `=?charset*language?B?`; the text up to `?=` is found by hand, so that no value costs more than one pass.
_WORD_START = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,32})?\?([bBqQ])\?")
_ONE_WORD = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,32})?\?([bBqQ])\?([^?]*+)\?=")
"""A value that is one such word and nothing else, as most are that have any."""

_NOT_BASE64 = re.compile("[^A-Za-z0-9+/]+")
_NOT_A_BLOCK = re.compile("[^A-Za-z0-9+/\r\n]")
_MOST_BLOCKS = 100


def decode_words(value: str) -> str:
    """Decode the encoded words in a header value; what is no such word stays as it is."""
    if "=?" not in value:
        return value
    if one := _ONE_WORD.fullmatch(value):
        charset, encoding, text = one.groups()
        return decode(_decode_word(encoding, text, charset), charset.lower())
    read: list[str] = []
    pending = _Run()
    position = 0
    while start := _WORD_START.search(value, position):
        end = value.find("?=", start.end())
        if end < 0:
            break
        between = value[position : start.start()]
        # White space between two encoded words is folding, not text (RFC 2047 6.2).
        if between and not (pending.encoded and between.isspace()):
            read += (pending.text(), between)
            pending = _Run()
        charset = start[1].lower()
        if pending.encoded and pending.charset != charset:
            read.append(pending.text())
            pending = _Run()
        pending.charset = charset
        pending.encoded.append(_decode_word(start[2], value[start.end() : end], charset))
        position = end + 2
    read += (pending.text(), value[position:])
    return "".join(read)


class _Run:
    """Neighbouring words of one charset: joined as bytes, since senders cut them in the middle of a character."""

    __slots__ = ("charset", "encoded")

    def __init__(self) -> None:
        self.charset = ""
        self.encoded: list[bytes] = []

    def text(self) -> str:
        return decode(b"".join(self.encoded), self.charset) if self.encoded else ""


def _decode_word(encoding: str, text: str, charset: str) -> bytes:
    if encoding in "qQ":
        # Unlike a body's, this form writes a space as "_" (RFC 2047 4.2). What should have been escaped and was not has
        # been read by now, and goes back to what it was written in.
        return binascii.a2b_qp(text.encode() if text.isascii() else encode(text, charset), header=True)
    return decode_base64(text)


def decode_base64(text: str) -> bytes:
    """Decode base64 whose padding or alphabet may be damaged."""
    first, *others = text.split("=", _MOST_BLOCKS)
    decoded = _decode_digits(first)
    for block in others:
        # Behind the padding stands another block, or what a list or a scanner has written below.
        if _NOT_A_BLOCK.search(block):
            break
        decoded += _decode_digits(block)
    return decoded


def _decode_digits(text: str) -> bytes:
    digits = _NOT_BASE64.sub("", text)
    # One digit beyond a group of four holds six bits: no byte.
    digits = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
