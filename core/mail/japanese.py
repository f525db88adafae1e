"""ISO-2022-JP as it is written: with characters that NEC and IBM added to the standard's (①, ㈱, 髙), and half-width
kana, none of which Python's codecs read (WHATWG Encoding Standard, "ISO-2022-JP decoder").
"""

import re

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BJI])")


def decode_iso2022_jp(encoded: bytes) -> str:
    """Read bytes between escape sequences by what the last one says; what fits nothing is a replacement character."""
    # Windows-31J (cp932) holds the same characters in another place, the additions among them.
    plain, *switched = _ESCAPE.split(encoded)
    texts = [plain.decode("cp932", "replace")]
    for escape, between in zip(switched[::2], switched[1::2], strict=True):
        texts.append(_WINDOWS_31J.get(escape, bytes)(between).decode("cp932", "replace"))
    return "".join(texts)


def _pairs(between: bytes) -> bytes:
    """Rows and cells of JIS X 0208 as Windows-31J writes them; line ends may stand between, against the rules."""
    moved = bytearray()
    position = 0
    while position < len(between):
        first, second = between[position], between[position + 1] if position + 1 < len(between) else 0
        if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
            moved.append(first)
            position += 1
            continue
        row = first - 0x21
        moved.append((row >> 1) + (0x81 if row < 62 else 0xC1))
        moved.append(second + (0x7E if row & 1 else 0x1F if second < 0x60 else 0x20))
        position += 2
    return bytes(moved)


def _kana(between: bytes) -> bytes:
    return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in between)


_WINDOWS_31J = {b"$@": _pairs, b"$B": _pairs, b"(I": _kana}
