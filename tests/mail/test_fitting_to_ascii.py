"""What is beyond ASCII is encoded, and reads as before; nothing else is touched."""

from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from core.mail.body import read_body
from core.mail.canonical import canonical_crlf
from core.mail.fitting import fitted
from core.mail.headers import read_header_block
from core.mail.parts import read_parts
from tests.corpus.generate import mixed_messages


def seven_bit(raw: bytes) -> bytes:
    """For a relay that takes ASCII alone."""
    return fitted(raw, takes_8bit=False)


def with_plain_header(raw: bytes) -> bytes:
    """For a relay that takes 8 bits in bodies."""
    return fitted(raw, takes_8bit=True)


HEAD = "From: Müller, Hans <hans@example.org>\r\n"


def crlf(text: str, charset: str = "utf-8") -> bytes:
    return text.replace("\n", "\r\n").encode(charset)


def parsed(raw: bytes) -> Any:
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    return message_from_bytes(raw, policy=default)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Subject: Grüße 😀 =?utf-8?q?und_mehr?=", "Grüße 😀 und mehr"),
        ("From: Jürgen Groß <j@example.org>", "Jürgen Groß <j@example.org>"),
        ('From: "Groß, Jürgen" <j@example.org>', '"Groß, Jürgen" <j@example.org>'),
        ("To: Bob <b@x.example>, Größe XL <g@x.example>, c@x.example", "Bob <b@x.example>, Größe XL <g@x.example>, c@x.example"),
    ],
)  # fmt: skip
def test_header_text_becomes_encoded_words(field: str, value: str) -> None:
    raw = crlf(f"{field}\nReceived: a\nReceived: b\n\nKörper\n")

    out = with_plain_header(raw)

    head, _, body = out.partition(b"\r\n\r\n")
    assert body == crlf("Körper\n")
    message = parsed(head + b"\r\n\r\n")
    assert str(message[field.partition(":")[0]]) == value
    assert message.get_all("Received") == ["a", "b"]


def test_a_header_in_latin_1_is_read_as_that() -> None:
    assert str(parsed(with_plain_header(crlf("Subject: Grüße\n\n", "latin-1")))["Subject"]) == "Grüße"


def test_text_becomes_quoted_printable_and_other_content_base64() -> None:
    raw = crlf(
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\nSubject: x\n\nGrüße,\n.\nFrom here  \n"
        + "ü" * 90
        + " x" * 200
        + "\n"
    )
    out = seven_bit(raw)
    assert b"quoted-printable" in out
    assert parsed(out).get_content().replace("\r\n", "\n") == raw.decode().partition("\r\n\r\n")[2].replace(
        "\r\n", "\n"
    )
    assert max(map(len, out.split(b"\r\n"))) <= 78

    cyrillic = crlf("Content-Type: text/plain; charset=utf-8\nSubject: x\n\nПривет, как дела\n")
    assert b"base64" in seven_bit(cyrillic)
    assert b"MIME-Version: 1.0\r\n" in seven_bit(cyrillic)
    assert parsed(seven_bit(cyrillic)).get_content().strip() == "Привет, как дела"


def test_parts_are_encoded_one_by_one() -> None:
    raw = crlf(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\nvörspann\n--b\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: 8bit\n\nGrüße\n--b\nContent-Type: text/plain\n\nplain\n--b\n"
        'Content-Type: application/pdf; name="Prüf.pdf"\nContent-Disposition: attachment; filename="Prüf \\"1\\".pdf"\n\nP\xe4F\n--b\n'
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: Ä\nContent-Type: text/plain; charset=iso-8859-1\n\nÖ\n--b--\n",
        "latin-1",
    )

    out = seven_bit(raw)

    message = parsed(out)
    text, plain, pdf, inner = message.iter_parts()
    assert text.get_content().strip() == "Grüße"
    assert b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\n" in out
    assert plain.get_content().strip() == "plain"
    assert pdf.get_content() == b"P\xe4F"
    assert pdf.get_filename() == 'Prüf "1".pdf'
    assert str(inner.get_content()["Subject"]) == "Ä"
    assert inner.get_content().get_content().strip() == "Ö"


def test_what_is_ascii_stays_as_it_is() -> None:
    raw = crlf("Subject:   odd \n folding\nX: =?utf-8?q?=C3=A4?=\n\nbody\n")
    assert with_plain_header(raw) is raw
    assert seven_bit(raw) is raw


@pytest.mark.parametrize("damage", ["base64", "quoted-printable", "x-unknown"])
def test_damage_ends_in_ascii_too(damage: str) -> None:
    raw = crlf(f"Content-Transfer-Encoding: {damage}\nContent-Type: text/plain; charset=utf-8\n\nR3LD¼\xdf=\n")
    assert seven_bit(raw).isascii()


def test_messages_of_all_kinds_read_as_before() -> None:
    beyond = 0
    for raw in map(canonical_crlf, mixed_messages(300)):
        out = seven_bit(raw)
        beyond += out is not raw
        assert out.isascii()
        assert read_header_block(out).get("subject") == read_header_block(raw).get("subject")
        assert read_body(out, 1 << 20).text.split() == read_body(raw, 1 << 20).text.split()
        before, after = read_parts(raw), read_parts(out)
        assert [part.content_type for part in after] == [part.content_type for part in before]
        attached = [part.content(raw) for part in before if not part.content_type.value.startswith("text/")]
        assert [part.content(out) for part in after if not part.content_type.value.startswith("text/")] == attached
    assert beyond > 20
