"""Which mechanisms are tried, in which order."""

import pytest

from core.errors import BadInput
from core.protocols.sasl.choice import is_overheard, tries, ways
from core.protocols.sasl.cram_md5 import CramMd5
from core.protocols.sasl.mechanism import Unproven

ALL = {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "DIGEST-MD5", "NTLM", "XOAUTH2"}


@pytest.mark.parametrize(
    ("offered", "overheard", "order"),
    [
        (ALL, False, "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5"),
        (ALL, True, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"),
        ({"CRAM-MD5", "PLAIN"}, False, "PLAIN CRAM-MD5"),
        ({"CRAM-MD5", "SCRAM-SHA-512"}, False, "SCRAM-SHA-512 CRAM-MD5"),
        ({"NTLM", "GSSAPI", "SCRAM-SHA-256-PLUS"}, True, ""),
        (set(), False, ""),
    ],
)
def test_the_password_goes_as_it_is_where_nobody_listens(offered: set[str], overheard: bool, order: str) -> None:
    assert ways(offered, is_overheard=overheard) == tuple(order.split())


def test_a_protocols_own_command_has_its_place() -> None:
    assert ways({"PLAIN", "its own", "CRAM-MD5"}, ("its own", "PLAIN")) == ("its own", "PLAIN", "CRAM-MD5")


@pytest.mark.parametrize(
    ("ip", "encrypted", "overheard"),
    [
        ("192.0.2.1", False, True),
        ("192.0.2.1", True, False),
        ("127.0.0.1", False, False),
        ("127.3.2.1", False, False),
        ("::1", False, False),
        ("fe80::1%eth0", False, True),
        ("10.0.0.1", False, True),
    ],
)
def test_who_may_listen(ip: str, encrypted: bool, overheard: bool) -> None:
    assert is_overheard(ip, is_encrypted=encrypted) is overheard


def test_a_password_of_two_forms_is_tried_in_both() -> None:
    assert len(list(tries("SCRAM-SHA-256", "ann", "\u00fc"))) == 1
    assert len(list(tries("SCRAM-SHA-256", "ann", "u\u0308"))) == 2
    assert len(list(tries("CRAM-MD5", "ann", "u\u0308"))) == 1


def test_the_digest_of_the_standards_example() -> None:
    # RFC 2195 §2
    made = CramMd5("tim", "tanstaaftanstaaf")
    assert made.answer(b"<1896.697170952@postoffice.reston.mci.net>") == b"tim b913a602c7eda7a495b4e6e7334d3890"
    assert made.has_shown


def test_an_empty_challenge_gets_no_digest() -> None:
    with pytest.raises(Unproven, match="empty"):
        CramMd5("tim", "x").answer(b"")


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
def test_a_user_name_cannot_smuggle_a_line(name: str) -> None:
    with pytest.raises(BadInput, match="line break"):
        list(tries(name, "ann\r\nQUIT", "x"))
