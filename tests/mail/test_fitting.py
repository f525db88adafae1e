"""What a relay does not take as it is reads the same after it was encoded; what fits is not touched."""

import email
import email.policy
from email.message import EmailMessage

import pytest

from core.mail.canonical import canonical_crlf, is_canonical
from core.mail.fitting import fitted, has_long_line
from tests.corpus.nasty import BUILT, small_messages

TEXT = "grün und lang " * 200
HEAD = b"From: a@example.org\r\nSubject: x\r\n"


def seven_bit(raw: bytes, **offered: bool) -> bytes:
    fit = fitted(raw, **{"takes_8bit": False, **offered})
    assert not has_long_line(fit)
    assert fit.count(b"\r\n") == fit.count(b"\n") == fit.count(b"\r")
    return fit


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(raw: bytes) -> str:
    text: str = parsed(raw).get_content()
    return text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("raw", "offered"),
    [
        (HEAD + b"\r\nplain\r\n", {"takes_8bit": False}),
        (HEAD + b"\r\n" + TEXT[:300].encode() + b"\r\n", {"takes_8bit": True}),
        (HEAD + b"\r\n" + b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\n", {"takes_8bit": False}),
        ("Subject: grün\r\n\r\nx\r\n".encode(), {"takes_8bit": True, "takes_utf8": True}),
        (b"Subject: only a header\r\n", {"takes_8bit": False}),
        (b"\r\nonly a body\r\n", {"takes_8bit": False}),
    ],
)
def test_what_fits_is_left_byte_for_byte(raw: bytes, offered: dict[str, bool]) -> None:
    assert fitted(raw, **offered) == raw


def test_text_in_eight_bits_becomes_quoted_printable() -> None:
    raw = HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + TEXT.encode()
    fit = seven_bit(raw + b"\r\n.\r\nFrom me \r\n")
    assert fit.isascii()
    assert parsed(fit)["content-transfer-encoding"] == "quoted-printable"
    assert text_of(fit) == TEXT + "\n.\nFrom me \n"


def test_a_body_that_says_nothing_of_itself_is_told_apart() -> None:
    assert text_of(seven_bit(HEAD + b"\r\n" + TEXT.encode() + b"\r\n")) == TEXT + "\n"
    assert b"charset=unknown-8bit" in seven_bit(HEAD + b"\r\ngr\xfcn\r\n")
    long = HEAD + b"\r\n" + b"x" * 5000 + b"\r\n"
    assert text_of(seven_bit(long)) == "x" * 5000 + "\n"
    assert text_of(seven_bit(long, takes_8bit=True)) == "x" * 5000 + "\n"


@pytest.mark.parametrize("takes_8bit", [True, False])
def test_a_nul_is_encoded_whatever_the_relay_takes(takes_8bit: bool) -> None:
    fit = fitted(HEAD + b"\r\nab\0cd\r\n", takes_8bit=takes_8bit)
    assert b"\0" not in fit
    assert parsed(fit).get_payload(decode=True) == b"ab\0cd\r\n"


def test_each_part_is_encoded_as_it_needs() -> None:
    inner = EmailMessage()
    inner["Subject"] = "inside"
    inner.set_content(TEXT, cte="8bit")
    message = EmailMessage()
    message["Subject"] = "outside"
    message.set_content("plain\n")
    message.add_alternative(f"<p>{TEXT}</p>", subtype="html", cte="8bit")
    message.add_attachment(bytes(range(256)) * 20, "application", "octet-stream", cte="base64", filename="b.bin")
    message.add_attachment(inner)
    raw = message.as_bytes(policy=email.policy.SMTP.clone(cte_type="8bit", max_line_length=None))
    raw = raw.replace(b"\r\n\r\n<p>", b"\r\n\r\n" + b"<p>")
    assert not raw.isascii()
    fit = parsed(seven_bit(raw))
    before = parsed(raw)
    assert seven_bit(raw).isascii()
    assert [part.get_content_type() for part in fit.walk()] == [part.get_content_type() for part in before.walk()]
    leaves = [[part.get_content() for part in each.walk() if not part.is_multipart()] for each in (before, fit)]
    assert leaves[0] == leaves[1]


def test_a_binary_part_becomes_base64() -> None:
    content = bytes(range(128, 256)) * 20
    raw = HEAD + b"Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + content + b"\r\n"
    assert parsed(seven_bit(raw)).get_content() == content + b"\r\n"


def test_what_is_signed_stays_as_it_was_signed() -> None:
    signed = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n"
    )
    assert fitted(HEAD + signed, takes_8bit=False) == HEAD + signed


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("Subject: grüne " + "Wörter " * 60, "grüne " + ("Wörter " * 60).strip()),
        ("Subject: " + "many words " * 200, ("many words " * 200).strip()),
        ('From: "Jörg, der Große" <j@example.org>, b@example.org', '"Jörg, der Große" <j@example.org>, b@example.org'),
        ("To: Zoë <z@example.org>", "Zoë <z@example.org>"),
        ("To: Zoë <z@exämple.org>, a@exämple.org", "Zoë <z@xn--exmple-cua.org>, a@xn--exmple-cua.org"),
        ("X-Note: grün", "grün"),
        ('Content-Disposition: attachment; filename="grün.pdf"; size=3', None),
    ],
)
def test_a_header_beyond_what_is_allowed_reads_the_same(field: str, read: str | None) -> None:
    fit = seven_bit(field.encode() + b"\r\n\r\nbody\r\n", takes_8bit=True)
    assert fit.isascii()
    name = field.partition(":")[0]
    if read is None:
        assert parsed(fit).get_filename() == "grün.pdf"
    else:
        assert str(parsed(fit)[name]).split() == read.split()


def test_an_address_beyond_ascii_has_no_other_form() -> None:
    raw = "From: Jörg <jörg@example.org>\r\n\r\nx\r\n".encode()
    assert "<jörg@example.org>".encode() in fitted(raw, takes_8bit=True)
    assert fitted(raw, takes_8bit=True, takes_utf8=True) == raw


def test_hostile_mail_comes_to_an_end_and_is_canonical_still() -> None:
    for name, raw in [*small_messages().items(), *((name, bomb()) for name, bomb in BUILT.items())]:
        fit = fitted(canonical_crlf(raw), takes_8bit=False)
        assert is_canonical(fit), name


def test_a_header_line_of_any_length_is_folded_in_one_pass() -> None:
    raw = b"Subject: " + b"word " * 8_000_000 + b"\r\n\r\nHello\r\n"  # copied at each fold, it would take an hour

    fit = fitted(raw, takes_8bit=True)
    assert fit.replace(b"\r\n ", b" ") == raw
    assert not has_long_line(fit)
