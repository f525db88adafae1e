import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.headers import LONGEST_VALUE, MOST_FIELDS, Headers, read_header_block, read_headers_and_body_start
from tests.corpus.nasty import BUILT, small_messages


@pytest.mark.parametrize(
    ("defect", "subject"),
    [
        ("subject-encoded-word-injects-bcc", "Hi Bcc: victim@example.net"),
        ("subject-clipboard-escape", "\ufffd]52;c;cm0gLXJmIC8=\ufffd done"),
        ("subject-raw-escape-and-nul", "a\ufffd[2Jb\ufffdc›5n"),
        ("subject-character-cut-between-two-words", "Grüße"),
        ("subject-base64-cut-between-two-words", "Grüße"),
        ("subject-folded-inside-encoded-word", "Grüße  aus Zürich"),
        ("subject-spaces-inside-encoded-word", "Grüße aus Zürich"),
        ("subject-encoded-word-never-ends", "=?utf-8?Q?Gr=C3=BC"),
        ("subject-unknown-charset", "Grüße"),
        ("subject-charset-names-a-path", "x"),
        ("subject-declares-utf8-is-latin1", "Grüße"),
        ("subject-declares-ascii-is-utf8", "Grüße"),
        ("subject-gb2312-is-really-gbk", "朱镕基"),
        ("subject-iso2022jp", "日本語"),
        ("subject-base64-bad-padding", "Grüß"),
        ("subject-language-tag", "Grüße"),
        ("subject-raw-utf8", "Grüße"),
        ("subject-raw-windows1252", "Grüße € 5"),
        ("headers-utf8-and-windows1252-mixed", "Grüße"),
        ("no-body", "no body"),
        ("no-blank-line-before-body", "sudden body"),
        ("line-feeds-alone", "line feeds"),
        ("carriage-returns-alone", "carriage returns"),
        ("line-ends-converted-twice", "converted twice"),
        ("line-ends-mixed", "mixed"),
        ("mbox-line-first", "from a mailbox file"),
        ("first-line-is-a-continuation", "x"),
        ("blank-folded-line", "a  b"),
        ("space-before-colon", "spaced"),
        ("fields-twice", "first"),
        ("empty", None),
        ("one-line-end", None),
        ("only-nul", None),
        ("no-headers", None),
        ("everything-missing", None),
    ],
)
def test_subject_of_a_damaged_message(defect: str, subject: str | None) -> None:
    assert read_header_block(small_messages()[defect]).get("SUBJECT") == subject


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"A: b\r\n\r\nbody", b"body"),
        (b"A: b\n\nbody\r\n\r\nmore", b"body\r\n\r\nmore"),
        (b"A: b\r\n\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"A: b\n\r\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"A: b\r\rbody\r\n\r\n", b"body\r\n\r\n"),
        (b"A: b\r\r\nC: d\r\r\n\r\r\nbody", b"body"),
        (b"\r\nA: b\r\n\r\nbody", b"A: b\r\n\r\nbody"),
        (b"\nA: b\r\n\r\nbody", b"A: b\r\n\r\nbody"),
        (b"\rA: b", b"A: b"),
        (b"A: b\r\nHello there", b"Hello there"),
        (b"From x@example.org Mon\nA: b\nHello there", b"Hello there"),
        (b"Hello there\nA: b", b"Hello there\nA: b"),
        (b"A: b", b""),
        (b"", b""),
    ],
)
def test_body_begins_behind_the_first_blank_line_of_any_kind(raw: bytes, body: bytes) -> None:
    assert raw[read_headers_and_body_start(raw)[1] :] == body


def test_fields_keep_their_order_and_every_value() -> None:
    headers = read_header_block(b"B: 1\r\nA: 2\r\nb:\t3\r\n =?utf-8?q?=C3=BC?=\r\n\r\n")
    assert headers.raw_items() == (("B", "1"), ("A", "2"), ("b", "3 =?utf-8?q?=C3=BC?="))
    assert headers.get_all("B") == ("1", "3 ü")
    assert headers.raw_all("B") == ("1", "3 =?utf-8?q?=C3=BC?=")
    assert headers.raw("a") == "2"
    assert headers.get("c") is None
    assert headers.get_all("c") == ()
    assert "A" in headers
    assert "c" not in headers
    assert set(headers.names()) == {"a", "b"}
    assert len(headers) == 3


@pytest.mark.parametrize(
    ("charset", "type_field"),
    [
        ("windows-1251", "Content-Type: text/plain; charset=windows-1251"),
        ("koi8-r", 'Content-Type: text/plain; Charset = "KOI8-R"'),
        ("koi8-r", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=koi8-r"),
        ("utf-8", "Content-Type: text/plain; charset=koi8-r\r\nX-Other: \xff"),
    ],
)
def test_a_raw_field_is_read_by_the_charset_that_the_text_is_written_in(charset: str, type_field: str) -> None:
    raw = "Subject: Привет, мир\r\n".encode(charset) + type_field.encode("latin-1") + b"\r\n\r\ntext"
    assert read_header_block(raw).get("subject") == "Привет, мир"


@pytest.mark.parametrize(
    ("word", "charset", "text"),
    [
        ("=?iso-8859-1?Q?Frösche_=FC?=", "iso-8859-1", "Frösche ü"),
        ("=?iso-8859-1?Q?Frö?= =?iso-8859-1?Q?sche?=", "iso-8859-1", "Frösche"),
        ("=?utf-8?Q?Frösche_=C3=BC?=", "utf-8", "Frösche ü"),
        ("=?koi8-r?Q?Пр=C9=D7=C5=D4?=", "koi8-r", "Привет"),
    ],
)
def test_what_an_encoded_word_should_have_escaped_is_read_with_it(word: str, charset: str, text: str) -> None:
    raw = f"Subject: {word}\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode(charset)
    assert read_header_block(raw).get("subject") == text


def test_a_charset_that_no_header_can_be_written_in_says_nothing_of_it() -> None:
    raw = b"Subject: Gr\xfc\xdfe\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n"
    assert read_header_block(raw).get("subject") == "Grüße"


def test_a_line_goes_on_behind_a_space_or_a_tab() -> None:
    assert read_header_block(b"A: b\r\n\tc\r\n d\r\nE: f\r\n\r\n").raw_items() == (("A", "b\tc d"), ("E", "f"))


@pytest.mark.parametrize(
    "line", [b"nonsense", b"two words: x", b"A\x01B: x", b"\xc3\xbc: x", b": x", b"N" * 1000 + b": x"]
)
def test_a_line_that_is_no_field_is_passed_over(line: bytes) -> None:
    assert read_header_block(b"A: b\r\n" + line + b"\r\nC: d\r\n\r\n").raw_items() == (("A", "b"), ("C", "d"))


def test_control_headers_are_taken_out_in_every_disguise() -> None:
    headers = read_header_block(small_messages()["control-headers-in-disguise"])
    assert headers.get_all("X-OTOBO-Queue") == ("one", "two", "three")
    stripped = headers.without(lambda name: name.startswith(("x-otobo-", "x-postroom-")))
    assert stripped.raw_items() == (("Subject", "x"),)
    assert headers.get("x-postroom-ignore") == "yes"


def test_a_carriage_return_hides_no_control_header() -> None:
    headers = read_header_block(small_messages()["carriage-return-hides-control-header"])
    assert headers.get("subject") == "hidden"
    assert headers.get("x-otobo-queue") == "Root"


def test_a_bad_line_hides_no_field_behind_it() -> None:
    assert read_header_block(small_messages()["garbage-line-between-fields"]).get("from") == "a@example.org"


def test_what_is_too_much_is_cut() -> None:
    assert len(read_header_block(BUILT["headers-100000"]())) == MOST_FIELDS
    recipients = read_header_block(BUILT["recipients-10000"]()).raw("to")
    assert recipients is not None
    assert LONGEST_VALUE - 50 < len(recipients) <= LONGEST_VALUE
    assert recipients.endswith("@example.org,")
    assert read_header_block(b"A: b\r\n" * 10 + b"X" * 300_000).get_all("a") == ("b",) * 10


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("x" * LONGEST_VALUE, "x" * LONGEST_VALUE),
        ("x" * (LONGEST_VALUE + 1), "x" * LONGEST_VALUE),
        ("x" * (LONGEST_VALUE - 5) + " " * 9, "x" * (LONGEST_VALUE - 5)),
        ("a " + "x" * LONGEST_VALUE, "a"),
        ("x" * LONGEST_VALUE + " a", "x" * LONGEST_VALUE),
    ],
)
def test_a_value_that_is_too_long_is_cut_between_words(written: str, kept: str) -> None:
    assert read_header_block(f"A: {written}\r\n\r\n".encode()).raw("a") == kept


@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\n\n"])
def test_behind_a_block_that_is_too_long_the_body_is_found(blank: bytes) -> None:
    block = b"X-Long: " + b"x" * 990 + b"\r\n"
    raw = b"A: b\r\n" + block * 1000 + b"Z: last" + blank + b"body\r\n\r\nmore\n\nmore"
    headers, start = read_headers_and_body_start(raw)
    assert raw[start:] == b"body\r\n\r\nmore\n\nmore"
    assert headers.get("a") == "b"
    assert "z" not in headers
    assert set(map(len, headers.get_all("x-long"))) == {990}, "no field is cut in two"


def test_headers_are_equal_by_what_they_hold() -> None:
    assert Headers([("A", "b")]) == read_header_block(b"A: b\r\n\r\n")
    assert hash(Headers([("A", "b")])) == hash(Headers([("A", "b")]))
    assert Headers([("A", "b")]) != Headers([("A", "c")])


@given(
    st.lists(
        st.sampled_from(["A: b", "A:", "C : d", " folded", "\tfolded", "no field", ": x", "D: =?utf-8?q?=C3=BC?="])
    )
)
def test_the_kind_of_line_end_changes_no_field(lines: list[str]) -> None:
    readings = {
        read_header_block((end.join(["First: 1", *lines]) + end * 2).encode()) for end in ("\r\n", "\n", "\r", "\r\r\n")
    }
    assert len(readings) == 1


def test_a_name_that_is_no_field_name_is_passed_over() -> None:
    raw = b"two words: x\r\nn\xc3\xa4me: x\r\n" + b"n" * 300 + b": x\r\nGood: y\r\n\r\n"
    assert read_header_block(raw).raw_items() == (("Good", "y"),)
