import pytest

from core.mail.addresses import Address, address_of, addresses_in, bare_addresses, read_addresses
from core.mail.headers import Headers
from core.mail.strict_address import domain_of


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("alice@example.org", [("", "alice@example.org")]),
        ("Alice Muster <alice@example.org>", [("Alice Muster", "alice@example.org")]),
        ('"Muster, Alice" <alice@example.org>', [("Muster, Alice", "alice@example.org")]),
        (r'"A \"B\" C" <a@example.org>, d@example.org', [('A "B" C', "a@example.org"), ("", "d@example.org")]),
        ("a@example.org (Joe (Jr.)), b@example.org", [("Joe (Jr.)", "a@example.org"), ("", "b@example.org")]),
        (
            'Friends: a@b.example, "Q" <c@d.example>; e@f.example',
            [("", "a@b.example"), ("Q", "c@d.example"), ("", "e@f.example")],
        ),
        ("undisclosed-recipients:;", []),
        ("<>", []),
        ("", []),
        (" , ,", []),
        (
            "=?utf-8?Q?Muster=2C_Alice_=3Cceo@example.net=3E?= <a@example.org>",
            [("Muster, Alice <ceo@example.net>", "a@example.org")],
        ),
        ("=?utf-8?Q?Doe,_John?= <j@example.org>", [("Doe, John", "j@example.org")]),
        ('"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=" <g@example.org>', [("Grüße", "g@example.org")]),
        ("=?utf-8?q?A=0D=0ABcc:_v@example.net?= <a@example.org>", [("A Bcc: v@example.net", "a@example.org")]),
        ("Jürgen <jürgen@müller.example>", [("Jürgen", "jürgen@müller.example")]),
        ('"ceo@example.com" <mallory@example.net>', [("ceo@example.com", "mallory@example.net")]),
        ("<@relay.example,@other.example:u@d.example>", [("", "u@d.example")]),
        ("john . doe @ example.com", [("", "john.doe@example.com")]),
        ('"john doe"@example.com', [("", '"john doe"@example.com')]),
        ("a@[192.0.2.1], <b@[IPv6:2001:db8::1]>", [("", "a@[192.0.2.1]"), ("", "b@[IPv6:2001:db8::1]")]),
        ("John Doe j@example.org", [("John Doe", "j@example.org")]),
        ("<a@b.example> <c@d.example>", [("", "a@b.example"), ("", "c@d.example")]),
        ("a@b.example; c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        # What never closes swallows nothing.
        ('"Foo <foo@bar.example>, x@y.example', [("Foo", "foo@bar.example"), ("", "x@y.example")]),
        ("(Foo <foo@bar.example>", [("(Foo", "foo@bar.example")]),
        ("Foo <foo@bar.example", [("Foo", "foo@bar.example")]),
        ('"Foo"<foo@bar.example , x@y.example', [("Foo", "foo@bar.example"), ("", "x@y.example")]),
        ("foo@bar.example <x@y.example", [("foo@bar.example <x@y.example", "")]),
        # Comments may stand anywhere (RFC 5322 A.5).
        (r"Pete(A wonderful \) chap) <pete(his (own))@silly.test(his host)>", [("Pete", "pete@silly.test")]),
        ('<"a(b)c"@example.org>', [("", '"a(b)c"@example.org')]),
        # Some programs encode the address too.
        ("=?utf-8?q?support=40example=2Ecom?=", [("", "support@example.com")]),
        (
            "=?utf-8?B?R3LDvMOfZSA8Z0BleGFtcGxlLm9yZz4=?=, b@example.org",
            [("Grüße", "g@example.org"), ("", "b@example.org")],
        ),
        ("=?utf-8?q?a=40example=2Eorg,_b=40example=2Eorg?=", [("a@example.org, b@example.org", "")]),
        # Two readers, two addresses: none is taken (CVE-2023-27043).
        ("alice@example.org)bob@example.com", [("alice@example.org)bob@example.com", "")]),
        ("a@example.org b@example.org", [("a@example.org b@example.org", "")]),
        ("a@example.org@example.com", [("a@example.org@example.com", "")]),
        ("alice@example.org<bob@example.com>", [("alice@example.org", "bob@example.com")]),
        ("nobody at all", [("nobody at all", "")]),
        ("A <not an address>, B <b@x@y.example>", [("A", ""), ("B", "")]),
        ("see @me a@b.example", [("see @me a@b.example", "")]),
        ("<a@b.example> (Joe)", [("Joe", "a@b.example")]),
        ("< @relay.example: u@d.example >", [("", "u@d.example")]),
        ("a\x8db@example.org", [("a\ufffdb@example.org", "")]),
        ('"a\0b"@example.org', [('a\ufffdb"@example.org', "")]),
    ],
)
def test_address_fields_are_read_as_they_are_written(value: str, addresses: list[tuple[str, str]]) -> None:
    assert [(address.display_name, address.addr_spec) for address in read_addresses(value)] == addresses


def test_bare_addresses_leave_out_what_is_none() -> None:
    assert bare_addresses("A <a@example.org>, nobody, b@example.org") == ("a@example.org", "b@example.org")


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Support <support@example.org>", "support@example.org"),
        (" support@example.org ", "support@example.org"),
        ("<>", ""),
        ("", ""),
    ],
)
def test_a_sender_may_stand_with_its_name(sender: str, address: str) -> None:
    assert address_of(sender) == address


def test_addresses_come_in_the_order_of_the_names() -> None:
    headers = Headers([("Cc", "c@example.org"), ("To", "a@example.org"), ("to", "b@example.org")])
    assert [address.addr_spec for address in addresses_in(headers, "to", "cc")] == [
        "a@example.org",
        "b@example.org",
        "c@example.org",
    ]


def test_an_address_shows_its_name() -> None:
    assert str(Address("Alice", "a@example.org")) == "Alice <a@example.org>"
    assert str(Address("", "a@example.org")) == "a@example.org"


@pytest.mark.parametrize(
    ("address", "domain"), [("a@Example.ORG", "example.org"), ('"a@b"@c.example', "c.example"), ("a", ""), ("", "")]
)
def test_the_domain_stands_behind_the_last_at(address: str, domain: str) -> None:
    assert domain_of(address) == domain
