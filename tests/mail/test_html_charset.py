import pytest

from core.mail.body import read_body

PAGE = "<html><head>{}</head><body>Привет</body></html>"
KOI8 = '<META http-equiv=Content-Type content="text/html; charset=koi8-r">'


@pytest.mark.parametrize(
    ("declared", "meta", "written_in"),
    [
        ("", KOI8, "koi8-r"),
        ("", "<meta charset='windows-1251'/>", "cp1251"),
        ("; charset=us-ascii", KOI8, "koi8-r"),
        ("; charset=nonsense", KOI8, "koi8-r"),
        # What a gateway has made UTF-8 of says still what it was.
        ("", KOI8, "utf-8"),
        ("; charset=utf-8", KOI8, "utf-8"),
        ("; charset=windows-1251", KOI8, "cp1251"),
    ],
)
def test_a_page_is_read_by_the_charset_it_is_written_in(declared: str, meta: str, written_in: str) -> None:
    raw = f"Content-Type: text/html{declared}\r\n\r\n".encode() + PAGE.format(meta).encode(written_in)
    assert read_body(raw).text == "Привет"


def test_a_page_that_is_cut_within_a_character_stays_what_it_is() -> None:
    raw = b"Content-Type: text/html\r\n\r\n" + PAGE.format(KOI8).encode().partition(b"</body>")[0][:-1]
    assert read_body(raw).text.startswith("Приве")


def test_what_only_a_text_says_of_charsets_counts_not() -> None:
    raw = b"Content-Type: text/html\r\n\r\n<p>charset=koi8-r \xe9t\xe9</p>"
    assert read_body(raw).text == "charset=koi8-r été"


@pytest.mark.parametrize("impossible", ["utf-16", "utf-16le", "IBM037", "nonsense"])
def test_a_charset_in_which_its_own_name_could_not_be_read_counts_not(impossible: str) -> None:
    raw = f'Content-Type: text/html\r\n\r\n<meta charset="{impossible}"><p>'.encode() + "Grüße".encode("cp1252")
    assert read_body(raw).text == "Grüße"


def test_a_page_of_seven_bits_is_read_by_the_charset_that_it_names() -> None:
    raw = b'Content-Type: text/html\r\n\r\n<meta charset="iso-2022-jp"><p>' + "こんにちは".encode("iso2022_jp")
    assert read_body(raw).text == "こんにちは"
