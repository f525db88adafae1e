"""Content transfer encodings (RFC 2045 6), decoded as far as they go."""

import binascii
import re

from core.mail.encoded_words import decode_base64

# Several words, or a tag: base64 has neither.
_LINE_OF_TEXT = re.compile(rb"\s*+(?:<|\S++[ \t]++\S++[ \t]++\S)")
_LOOKED_AT = 4096

_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)


def decode_transfer(encoded: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding; damage costs what is damaged, an unknown encoding is left as it is."""
    match encoding:
        case "base64":
            return decode_base64(encoded.decode("latin-1"))
        case "quoted-printable":
            return binascii.a2b_qp(encoded)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _decode_uu(encoded)
        case _:
            return encoded


def is_encoded(text: bytes, encoding: str) -> bool:
    """Whether a text is in the encoding it claims: some gateways decode it and leave the claim.

    It can be told of base64 alone, by its first line and most of the others.
    """
    if encoding != "base64":
        return True
    are_text = [_LINE_OF_TEXT.match(line) is not None for line in text[:_LOOKED_AT].splitlines() if line.strip()]
    return not are_text or not are_text[0] or 2 * sum(are_text) <= len(are_text)


def decoded_size(encoded: bytes, encoding: str) -> int:
    """How many bytes the content has, without decoding base64, which is most of all mail."""
    if encoding != "base64":
        return len(decode_transfer(encoded, encoding))
    digits = len(encoded) - sum(encoded.count(sign) for sign in (b"\r", b"\n", b" ", b"\t", b"="))
    return digits * 3 // 4


def _decode_uu(encoded: bytes) -> bytes:
    begin = _UU_BEGIN.search(encoded)
    if begin is None:
        return encoded
    decoded: list[bytes] = []
    for line in encoded[begin.end() :].splitlines():
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some writers fill a line's last group with anything but zeros: read as far as its length goes.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                decoded.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(decoded)
