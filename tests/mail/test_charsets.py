import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.charsets import codec_of, decode


@pytest.mark.parametrize(
    ("encoded", "charset", "text"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode(), None, "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        (b"Gr\xfc\xdfe", None, "Grüße"),
        (b"Gr\xfc\xdfe", "utf-8", "Grüße"),
        (b"Gr\xfc\xdfe", "x-klingon", "Grüße"),
        (b"\x80 5", "iso-8859-1", "€ 5"),
        (b"\x81", "iso-8859-1", "\x81"),
        (b"\xa4", "ISO_8859-15", "€"),
        ("朱镕基".encode("gbk"), "gb2312", "朱镕基"),
        ("日本語".encode("cp932"), "Shift_JIS", "日本語"),
        ("日本語".encode("iso2022_jp"), "iso-2022-jp", "日本語"),
        # What NEC and IBM added stands in Japanese mail every day; Python's codecs do not know it.
        (b"\x1b$BJs9p=q-!\x1b(B.txt", "iso-2022-jp", "報告書①.txt"),
        (b"\x1b$B-j\x1b(B \x1b$B|b\x1b(B", "ISO-2022-JP", "㈱ 髙"),
        (b"a \x1b(I1\x1b(B b", "iso-2022-jp", "a ｱ b"),
        (b"\x1b$BJs9p", "iso-2022-jp", "報告"),
        (b"\x1b$BJs9p\r\n=", "iso-2022-jp", "報告\r\n="),
        (b"plain", "iso-2022-jp", "plain"),
        ("Grüße".encode(), "iso-2022-jp", "Grüße"),
        ("한국어".encode("iso2022_kr") + b"\xff", "iso-2022-kr", "한국어ÿ"),
        ("한국어".encode("cp949"), "ks_c_5601-1987", "한국어"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("\ufeffx".encode(), "utf-8", "x"),
        # One character cut in two must not cost the others.
        ("Grüße".encode() + b"\xc3", "utf-8", "GrüßeÃ"),
        ("日本語".encode("cp932") + b"\x93", "shift_jis", "日本語“"),
        (b"\xff" * 5000, "utf-8", "ÿ" * 5000),
    ],
)
def test_bytes_are_read_by_the_likeliest_charset(encoded: bytes, charset: str | None, text: str) -> None:
    assert decode(encoded, charset) == text


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("windows-874", "cp874"),
        ("x-cp1251", "cp1251"),
        ("win1251", "cp1251"),
        ("cp-850", "cp850"),
        ("Windows-31J", "cp932"),
        ("windows-949", "cp949"),
        ("ks_c_5601-1989", "cp949"),
        ("cp50220", "iso2022_jp"),
        ("x-euc-jp", "euc_jp"),
        ("x-sjis", "cp932"),
        ("gb_2312-80", "gb18030"),
        ("koi8-ru", "koi8_u"),
        ("iso885915", "iso8859_15"),
        ("ISO-8859-8-I", "iso8859_8"),
        ("iso_8859-1:1987", "cp1252"),
        ("windows-99999", None),
        ("iso-8859-99", None),
    ],
)
def test_charsets_are_known_by_every_name_that_senders_give_them(label: str, codec: str | None) -> None:
    assert codec_of(label) == codec


@pytest.mark.parametrize(
    "name", ["punycode", "idna", "unicode_escape", "zlib", "rot13", "undefined", "../x", "", "a" * 99]
)
def test_codecs_that_are_no_charsets_are_unknown(name: str) -> None:
    assert codec_of(name) is None


def test_unknown_charsets_leave_nothing_behind() -> None:
    remembered = len(encodings._cache)  # pyright: ignore
    for number in range(50):
        decode(b"\xff", f"x-unknown-{number}")
    assert len(encodings._cache) == remembered  # pyright: ignore


@given(
    st.binary(),
    st.sampled_from([None, "utf-8", "utf-7", "utf-16", "gb18030", "iso-2022-kr", "iso-2022-jp", "hz", "cp037", "x"]),
)
def test_any_bytes_give_text(encoded: bytes, charset: str | None) -> None:
    assert isinstance(decode(encoded, charset), str)
