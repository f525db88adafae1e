"""Where an address is named: in all forms that mail knows, and never in a namesake's."""

import base64
import quopri

import pytest

from core.mail.naming import Naming, Place

JANE = Naming("Jane.Doe@example.net")


@pytest.mark.parametrize(
    "text",
    [
        "jane.doe@example.net",
        "Jane <JANE.DOE@Example.NET>",
        "'jane.doe@example.net'",
        "mailto:jane.doe@example.net?subject=x",
        "https://example.org/?to=jane.doe%40example.net&x",
        "Mail jane.doe@example.net.",
        "=3Cjane.doe=40example.net=3E",
        "<news+jane.doe=example.net@lists.example>",
        "rfc822;jane.doe@example.net",
    ],
)
def test_it_is_found(text: str) -> None:
    assert JANE.is_in("", None, text)
    assert JANE.place(f"X: y\r\n\r\n{text}".encode()) is Place.TEXT


@pytest.mark.parametrize(
    "text",
    [
        "mary-jane.doe@example.net",
        "x.jane.doe@example.net",
        "jane.doe@example.network",
        "jane.doe@example.net.org",
        "jane.doe+x@example.net",
        "janexdoe@example.net",
        "jane.doe=example.net",
    ],
)
def test_a_namesake_is_not(text: str) -> None:
    assert not JANE.is_in(text)
    assert JANE.place(f"To: {text}\r\n\r\n{text}".encode()) is None


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"Cc: a@b.example,\r\n jane.doe@example.net\r\n\r\n", Place.HEADER),
        (b"Cc: jane.doe@example.net", Place.HEADER),
        (b"Cc: x\n\njane.doe@example.net", Place.TEXT),
        (b"Content-Type: multipart/report; x=y\n\njane.doe@example.net", Place.REPORT),
        (b"X: y\r\n\r\njane.d=\r\noe@exam=\nple.net", Place.TEXT),
        (b"Content-Transfer-Encoding: base64\r\n\r\namFuZS5kb2VAZXhhbXBsZS5uZXQ=", Place.TEXT),
        (
            b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\namFuZS5kb2VAZXhhbXBsZS5uZXQ=",
            None,
        ),
        (b"", None),
    ],
)
def test_the_place_tells_whose_mail_it_is(raw: bytes, place: Place | None) -> None:
    assert JANE.place(raw) is place


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
def test_an_address_beyond_ascii_is_found_in_every_encoding(encoding: str) -> None:
    text = "Ask jürg@xn--mller-kva.example of it.".encode()
    body = {"quoted-printable": quopri.encodestring(text), "base64": base64.b64encode(text)}.get(encoding, text)
    raw = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    assert Naming("jürg@xn--mller-kva.example").place(raw) is Place.TEXT
    assert Naming("urg@xn--mller-kva.example").place(raw) is None
