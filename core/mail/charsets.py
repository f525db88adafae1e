"""Bytes to text: by the declared charset, then UTF-8, then Windows-1252, then Latin-1; nothing is lost or raised."""

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

from core.mail.japanese import decode_iso2022_jp
from core.text import REPLACEMENT

# A closed list: `codecs.lookup` imports a module by the name it is given and remembers each miss for ever, and some
# codecs of Python are no charsets (punycode and idna are quadratic, unicode_escape runs escapes).
_PLAIN = {
    "ascii", "big5", "big5hkscs", "cp037", "cp437", "cp720", "cp737", "cp775", "cp850", "cp852", "cp855", "cp857",
    "cp858", "cp860", "cp861", "cp862", "cp863", "cp864", "cp865", "cp866", "cp869", "cp874", "cp932", "cp949",
    "cp950", "cp1125", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "euc_jis_2004", "euc_jisx0213", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "hz", "iso2022_jp",
    "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr", "iso8859_2",
    "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_10",
    "iso8859_11", "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "johab", "koi8_r", "koi8_t", "koi8_u",
    "kz1048", "latin_1", "mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman", "mac_turkish",
    "ptcp154", "shift_jis", "shift_jis_2004", "shift_jisx0213", "tis_620", "utf_7", "utf_8", "utf_8_sig", "utf_16",
    "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le",
}  # fmt: skip

# What senders write under the narrow name is the wider one (WHATWG Encoding Standard, "Names and labels").
_WIDENED = {
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "utf_8": "utf_8_sig",
}

# Further labels of the WHATWG Encoding Standard, and what Microsoft's programs write.
_OTHER_NAMES = {
    "big5_eten": "big5hkscs",
    "cn_big5": "big5hkscs",
    "cp20866": "koi8_r",
    "cp21866": "koi8_u",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "cp51949": "cp949",
    "cseucpkdfmtjapanese": "euc_jp",
    "cseuckr": "cp949",
    "csgb2312": "gb18030",
    "csisolatin9": "iso8859_15",
    "csksc56011987": "cp949",
    "csmacintosh": "mac_roman",
    "gb_2312": "gb18030",
    "gb_2312_80": "gb18030",
    "iso_2022_jp_ms": "iso2022_jp",
    "iso_ir_149": "cp949",
    "koi": "koi8_r",
    "koi8": "koi8_r",
    "koi8_ru": "koi8_u",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "ks_c_5601": "cp949",
    "ks_c_5601_1989": "cp949",
    "ksc_5601": "cp949",
    "mac": "mac_roman",
    "mac_ukrainian": "mac_cyrillic",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "windows_31j": "cp932",
    "x_x_big5": "big5hkscs",
}
# Numbered families are spelled in every way: windows-874, win1251, cp-850, IBM866; iso88592, ISO-8859-8-I.
_CODE_PAGE = re.compile(r"(?:windows|win|cp|ibm|dos|ms)_?([0-9]{3,5})")
_ISO_8859 = re.compile(r"iso_?8859_?([0-9]{1,2})(?:_[ei])?")

_NOT_IN_A_NAME = re.compile("[^a-z0-9]+")
_LONGEST_NAME = 40


def _known_charsets() -> dict[str, str]:
    named = {name: name for name in _PLAIN} | {alias: name for alias, name in aliases.items() if name in _PLAIN}
    return {name: _WIDENED.get(codec, codec) for name, codec in (named | _OTHER_NAMES).items()}


_KNOWN = _known_charsets()


def codec_of(charset: str) -> str | None:
    """The codec for a charset as it stands in a message, or `None` for one that nobody knows."""
    return _codec_of(charset) if len(charset) <= _LONGEST_NAME else None


def extends_ascii(charset: str) -> bool:
    """Whether ASCII is the same bytes in a charset, and only ASCII is: what can stand in a header beside its names."""
    codec = codec_of(charset)
    return codec is not None and not codec.startswith(("utf_7", "utf_16", "utf_32", "cp037", "hz", "iso2022"))


@lru_cache(maxsize=1024)
def _codec_of(charset: str) -> str | None:
    written = _NOT_IN_A_NAME.sub("_", charset.lower()).strip("_")
    name = written if written in _KNOWN else written.removeprefix("x_")
    if page := _CODE_PAGE.fullmatch(name):
        name = f"cp{page[1]}"
    elif part := _ISO_8859.fullmatch(name):
        name = f"iso8859_{part[1]}"
    return _KNOWN.get(name)


def encode(text: str, charset: str) -> bytes:
    """Text in a charset that extends ASCII and holds it; in any other case as UTF-8."""
    codec = codec_of(charset)
    if codec is not None and codec != "utf_8_sig" and extends_ascii(charset):
        try:
            return text.encode(codec)
        except ValueError:
            pass
    return text.encode("utf-8", "replace")


def decode(encoded: bytes, charset: str | None = None) -> str:
    """Read bytes as text by the declared charset if it fits, otherwise by the likeliest one."""
    codec = (codec_of(charset) if charset else None) or "utf-8"
    # Escape sequences and what stands between them are ASCII, which is UTF-8 as well, and no text.
    has_escapes = codec.startswith("iso2022") and b"\x1b" in encoded
    for tried in (codec,) if has_escapes else (codec, "utf-8"):
        try:
            return encoded.decode(tried)
        except ValueError:
            continue
    if has_escapes and codec.startswith("iso2022_jp"):
        return decode_iso2022_jp(encoded)
    return _decode_damaged(encoded, codec)


# Windows-1252 where it says something else than Latin-1; five bytes it leaves open.
_WINDOWS_1252 = {
    byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_MOST_FOREIGN_BYTES = 1000


def _decode_damaged(encoded: bytes, codec: str) -> str:
    """Read what fits no charset as a whole: each foreign byte alone, or all bytes alone where most are foreign."""
    if encoded.decode(codec, "replace").count(REPLACEMENT) > _MOST_FOREIGN_BYTES:
        return _single_bytes(encoded)
    return encoded.decode(codec, "postroom.single_bytes")


def _single_bytes(encoded: bytes) -> str:
    return encoded.decode("latin-1").translate(_WINDOWS_1252)


def _read_foreign_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _single_bytes(error.object[error.start : error.end]), error.end


# A handler sees where the decoder stopped and lets it go on: a character cut in two at the end of an encoded word
# does not turn the whole subject into Windows-1252.
codecs.register_error("postroom.single_bytes", _read_foreign_bytes)
