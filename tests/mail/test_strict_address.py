from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.strict_address import ascii_domain, needs_smtputf8, strict_address

LONGEST = "l" * 64 + "@" + ".".join(["d" * 63, "d" * 62, "d" * 62])


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("alice@example.org", "alice@example.org"),
        ("Alice.Muster+tag@Sub.Example.ORG", "Alice.Muster+tag@Sub.Example.ORG"),
        ("root@localhost", "root@localhost"),
        ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
        # A name that is a mailbox only in quotes.
        ('"a..b"@example.org', '"a..b"@example.org'),
        ("l" * 64 + "@example.org", "l" * 64 + "@example.org"),
        # The longest there is (RFC 5321 4.5.3.1.3).
        (LONGEST, LONGEST),
        # Half of an encoded word is none.
        ("=?a@example.org", "=?a@example.org"),
        ("a?=@example.org", "a?=@example.org"),
    ],
)
def test_unambiguous_addresses_pass(written: str, address: str) -> None:
    assert strict_address(written) == address


@pytest.mark.parametrize(
    "written",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "a@example.org\r\nRCPT TO:<b@example.org>",
        "a@example.org\n",
        "a@exam\0ple.org",
        " a@example.org",
        "a b@example.org",
        "a@example.org ",
        "a\u00a0b@example.org",
        "a\u200b@example.org",
        "a\u202e@example.org",
        "<a@example.org>",
        "a@example.org>",
        "Alice <a@example.org>",
        # The forms of CVE-2023-27043 and their like.
        "=?utf-8?q?j=C3=BCrg?=@example.org",
        "alice@example.org)bob@example.com",
        "alice@example.org(bob@example.com",
        "alice@example.org<bob@example.com",
        "alice@example.org[bob@example.com",
        "alice@example.org]bob@example.com",
        "alice@example.org@bob@example.com",
        "alice@example.org,bob@example.com",
        "alice@example.org;bob@example.com",
        "alice@example.org:bob@example.com",
        "alice@example.org.bob@example.com",
        'alice@example.org"bob@example.com',
        "(comment)alice@example.org",
        "alice(comment)@example.org",
        "@relay.example:alice@example.org",
        '"alice@example.org"@example.com',
        '"alice"@example.com',
        '"al ice"@example.com',
        '"a\\"b"@example.com',
        '""@example.com',
        "alice.@example.org",
        ".alice@example.org",
        "al..ice@example.org",
        "alice@example..org",
        "alice@.example.org",
        "alice@example.org.",
        "alice@-example.org",
        "alice@example-.org",
        "alice@exam_ple.org",
        "alice@example.org%eth0",
        "alice@[192.0.2.300]",
        "alice@[192.0.2.1",
        "alice@[192.0.2.12",
        "alice@[IPv6:alice]",
        "alice@[IPv6:fe80::1%eth0]",
        "alice@[tag:x]",
        # Two readers of international names, two domains.
        "a@straße.example",
        "a@ｅxample.org",
        "a@\u00ad.example",
        "jürgen@example.org",
        "l" * 65 + "@example.org",
        "a@" + "d" * 64 + ".example",
        "a@" + ".".join(["d" * 60] * 5),
        "a@" + "ü" * 10_000,
        "a" * 100_000,
    ],
)
def test_anything_doubtful_is_refused_with_a_sentence(written: str) -> None:
    with pytest.raises(ValueError, match=r"^The .*\.$") as refusal:
        strict_address(written)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 1200


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "is empty"),
        ("a b@example.org", "holds a space"),
        ("a\r\n@example.org", "a line break"),
        ("a\u202e@example.org", "another character"),
        ("alice", "is not of the form name@domain"),
        ("@example.org", "is not of the form name@domain"),
        ("alice@", "is not of the form name@domain"),
        ("x" + LONGEST, "longer than 254 octets"),
        ("l" * 64 + "@" + "ü" * 20 + "." + "ü" * 20 + ".example" * 18, "longer than 254 octets"),
        ("a@" + "ü" * 100, "has no ASCII form"),
    ],
)
def test_the_sentence_says_what_is_wrong(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        strict_address(written)


@pytest.mark.parametrize(("length", "shown"), [(80, "x" * 80), (81, "x" * 79 + "\\u2026")])
def test_of_a_long_text_the_beginning_is_shown(length: int, shown: str) -> None:
    with pytest.raises(ValueError, match="name@domain") as refusal:
        strict_address("x" * length)
    assert f"'{shown}'" in str(refusal.value)


def test_a_utf8_local_part_passes_where_the_path_carries_it() -> None:
    address = strict_address("jürgen@müller.example", allow_utf8=True)
    assert address == "jürgen@xn--mller-kva.example"
    assert needs_smtputf8(address)
    assert not needs_smtputf8("alice@example.org")


@pytest.mark.parametrize("domain", ["exa mple", "a>b", "a\r\nb", "", "a@b"])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        ascii_domain(domain)


@given(st.text(st.sampled_from('ab.@"<>()[]\\ ,;:\r\n\0ü%1'), max_size=20).map(lambda text: text + "@example.org"))
def test_what_passes_is_read_as_the_same_address_by_others(written: str) -> None:
    try:
        address = strict_address(written)
    except ValueError:
        return
    assert parseaddr(address) == ("", written)
    assert strict_address(address) == address
