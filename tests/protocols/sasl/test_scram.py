"""SCRAM as the standards show it, and servers that do not know the password."""

import base64
import re

import pytest

from core.errors import BadInput
from core.protocols.sasl.mechanism import Unproven
from core.protocols.sasl.scram import MOST_ROUNDS, Scram

EXAMPLES = {
    "RFC 5802 §5": (
        "SCRAM-SHA-1",
        "fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "RFC 7677 §3": (
        "SCRAM-SHA-256",
        "rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}
NAME, NONCE, FIRST, PROOF, SIGNATURE = EXAMPLES["RFC 7677 §3"]


def begun(nonce: str = NONCE) -> Scram:
    scram = Scram(NAME, "user", "pencil", nonce)
    scram.answer(b"")
    return scram


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_standards_example(example: str) -> None:
    name, nonce, first, proof, signature = EXAMPLES[example]
    scram = Scram(name, "user", "pencil", nonce)
    assert scram.answer(b"") == f"n,,n=user,r={nonce}".encode()
    assert (scram.has_shown, scram.is_settled) == (False, False)
    assert scram.answer(first) == proof
    assert (scram.has_shown, scram.is_settled) == (True, False)
    assert scram.answer(signature) == b""
    assert scram.is_settled


@pytest.mark.parametrize(
    "signature",
    [
        b"v=" + base64.b64encode(b"x" * 32),
        SIGNATURE[:-3],
        b"v=",
        b"v=!!!!",
        b"",
        b"r=again",
        b"\xff",
    ],
)
def test_a_server_that_does_not_prove_itself_is_not_signed_in_to(signature: bytes) -> None:
    scram = begun()
    scram.answer(FIRST)
    with pytest.raises(Unproven):
        scram.answer(signature)
    assert not scram.is_settled


def test_a_server_that_says_what_went_wrong_is_heard_to_its_end() -> None:
    scram = begun()
    scram.answer(FIRST)
    assert scram.answer(b"e=invalid-proof") == b""
    assert not scram.is_settled


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(FIRST.replace(NONCE.encode(), b"another"), id="another's nonce"),
        pytest.param(re.sub(rb"r=[^,]*", b"r=" + NONCE.encode(), FIRST), id="no nonce of its own"),
        pytest.param(b"m=something," + FIRST, id="an extension that must be known"),
        pytest.param(FIRST.replace(b"i=4096", b"i=0"), id="no rounds"),
        pytest.param(FIRST.replace(b"i=4096", b"i=-1"), id="negative rounds"),
        pytest.param(FIRST.replace(b"i=4096", f"i={MOST_ROUNDS + 1}".encode()), id="hours of work"),
        pytest.param(FIRST.replace(b"i=4096", b"i=" + b"9" * 5000), id="a number without end"),
        pytest.param(FIRST.replace(b"s=W22Z", b"s=W22"), id="salt that is no base64"),
        pytest.param(re.sub(rb"s=[^,]*", b"s=", FIRST), id="no salt"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_a_challenge_that_is_none_gets_no_proof(first: bytes) -> None:
    scram = begun()
    with pytest.raises(Unproven):
        scram.answer(first)
    assert not scram.has_shown


def test_what_a_challenge_may_have_beside_is_let_pass() -> None:
    scram = begun()
    assert b",p=" in scram.answer(FIRST + b",x=later")


def test_a_nonce_is_used_once() -> None:
    first, second = (Scram(NAME, "user", "pencil").answer(b"") for _ in range(2))
    assert first != second
    assert re.fullmatch(rb"n,,n=user,r=[\x21-\x2b\x2d-\x7e]{18,}", first)


def test_signs_that_separate_are_written_otherwise_in_a_user_name() -> None:
    assert Scram(NAME, "a=b,c", "x", "n").answer(b"") == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(("user", "password"), [("a\r\nb", "x"), ("a", "x\0y")])
def test_what_cannot_be_sent_is_refused(user: str, password: str) -> None:
    with pytest.raises(BadInput, match="line break"):
        Scram(NAME, user, password)
