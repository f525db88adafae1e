"""Files of key = value, as Java writes them and as people do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.services.legacy.javamail import understood
from core.services.legacy.properties import LARGEST, read_bytes, read_properties


def pairs(text: str) -> list[tuple[str, str]]:
    return [(one.key, one.value) for one in read_properties(text, "f")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mail.smtp.host=h", "h"),
        ("mail.smtp.host = h", "h"),
        ("mail.smtp.host: h", "h"),
        ("mail.smtp.host h", "h"),
        ("mail.smtp.host\t \f=\f h", "h"),
        ("  mail.smtp.host =h ", "h "),  # blanks at the end belong to the value
        ("mail.smtp.host = = h", "= h"),
        ("mail.smtp.host=a\\\n   b\\\r\n\tc", "abc"),
        ("mail.smtp.host=a\\\\\nmail.x=1", "a\\"),
        ("mail.smtp.host=\\u00e9\\t\\=\\:\\ \\q", "é\t=: q"),
        ("mail.smtp.h\\u006fst=h", "h"),
        ("mail.smtp.host", ""),
        ("mail.smtp.host=", ""),
        ("mail.smtp.host=a\\", "a"),
        ("mail.smtp.host='a'", "'a'"),
        ("# c\n! c \\\n\n   # c\nmail.smtp.host=#h", "#h"),
    ],
)
def test_a_property_is_read_as_java_reads_it(text: str, value: str) -> None:
    assert pairs(text)[0] == ("mail.smtp.host", value)


def test_an_escaped_separator_belongs_to_the_key() -> None:
    assert pairs("mail.a\\:b\\ c=d") == [("mail.a:b c", "d")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("host = h", [("host", "h")]),
        ("password = C:\\new\\u", [("password", "C:\\new\\u")]),
        ("password = ends with \\\nhost = h", [("password", "ends with \\"), ("host", "h")]),
        ("[smtp]\n; comment\nhost: \"h h\"\nuser = 'u'", [("host", "h h"), ("user", "u")]),
    ],
)
def test_in_a_plain_file_a_backslash_is_a_backslash(text: str, found: list[tuple[str, str]]) -> None:
    assert pairs(text) == found


def test_every_line_that_is_none_is_named() -> None:
    with pytest.raises(BadInput) as refused:
        read_properties("host = h\nnonsense\n= x", "f.properties")
    assert [str(one) for one in refused.value.problems] == [
        "f.properties: line 2: is not of the form key = value.",
        "f.properties: line 3: is not of the form key = value.",
    ]
    with pytest.raises(BadInput, match=r"line 2: holds \\u without"):
        read_properties("mail.a=1\nmail.b=\\u12", "f")


@pytest.mark.parametrize("data", ["mail.x=é".encode(), "mail.x=é".encode("latin-1"), b"\xef\xbb\xbfmail.x=\xc3\xa9"])
def test_both_encodings_are_read(data: bytes) -> None:
    assert pairs(read_bytes(data, "f")) == [("mail.x", "é")]


def test_the_line_of_a_property_is_where_it_begins() -> None:
    assert [one.line for one in read_properties("#\nmail.a=1\\\n2\nmail.b=3", "f")] == [2, 4]


def test_a_file_that_is_too_large_is_none() -> None:
    with pytest.raises(BadInput, match="too large for a file of settings"):
        read_bytes(b"#" * (LARGEST + 1), "f")


@given(st.text(alphabet="mail.smtphost=: \\\tu0041\n\r#![]", max_size=60))
def test_whatever_stands_in_it_is_read_or_refused(text: str) -> None:
    try:
        found = understood(read_properties(text, "f"), "f")
    except BadInput:
        return
    assert found.problems or found.template["smtp_host"]
