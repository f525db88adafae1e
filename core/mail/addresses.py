"""Addresses in header fields (RFC 5322 3.4), read tolerantly: for showing, finding a queue, naming a customer.

What goes into an envelope must pass `core.mail.strict_address` instead.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from core.mail.encoded_words import decode_words
from core.mail.headers import LONGEST_VALUE, Headers
from core.text import clean


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of an address field."""

    display_name: str
    """The name beside the address, decoded and cleaned; may be empty."""

    addr_spec: str
    """`local@domain`, or empty where nothing that stands there can be taken for one address."""

    def __str__(self) -> str:
        return f"{self.display_name} <{self.addr_spec}>" if self.display_name else self.addr_spec


# The form of nearly all fields: one name, one address in angle brackets.
_PLAIN = re.compile(
    r"""\s*+(?:"(?P<quoted>[^"\\]*+)"|(?P<phrase>[^"\\<>()@,;:\[\]]*+))\s*+"""
    r"""<(?P<address>[\w!#$%&'*+/=?^`{|}~.-]++@[\w.-]++)>\s*+"""
)
# And of most others: an address alone.
_ALONE = re.compile(r"[ \t]*+(?P<address>[\w!#$%&'*+/=?^`{|}~.-]++@[\w.-]++)[ \t]*+")
# Text without a sign that means something; an encoded word or an address literal may hold such signs.
_TEXT = re.compile(r"""(?:=\?[^?\s]{1,64}\?[bBqQ]\?[^?\s]*+\?=|\[[^\[\]<>]*+\]|[^"<(,;:=\[]++|[=\[])++""")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*+)>")
_COMMENT_SIGN = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
_ATOMS = rf"""[^\s<>()\[\],;:"@\\{_CONTROLS}]++"""
_QUOTED_LOCAL = rf""""(?:[^"\\{_CONTROLS}]|\\[^{_CONTROLS}])++\""""
_ADDR_SPEC = re.compile(rf"(?:{_ATOMS}|{_QUOTED_LOCAL})@(?:{_ATOMS}|\[[^\[\]\s{_CONTROLS}]++\])")
_LONGEST_REMEMBERED = 200
_SPACE_AROUND_SIGN = re.compile(r" ?([.@]) ?")


def read_addresses(value: str) -> tuple[Address, ...]:
    """Read an address field as it stands, before any decoding: encoded words may hold commas and brackets.

    Linear in the value, of which the first 16 kB are read.
    """
    return _remembered(value) if len(value) <= _LONGEST_REMEMBERED else _read(value)


@lru_cache(maxsize=4096)
def _remembered(value: str) -> tuple[Address, ...]:
    # A mailbox gets its mail at few addresses and most of it from the same people.
    return _read(value)


def _read(value: str) -> tuple[Address, ...]:
    if plain := _PLAIN.fullmatch(value, 0, LONGEST_VALUE):
        name = plain["phrase"] if plain["quoted"] is None else plain["quoted"]
        return (Address(_shown(name), plain["address"]),)
    if alone := _ALONE.fullmatch(value, 0, LONGEST_VALUE):
        return (Address("", alone["address"]),)
    return tuple(mailbox.address() for mailbox in _mailboxes(value[:LONGEST_VALUE]) if not mailbox.is_empty())


def bare_addresses(value: str) -> tuple[str, ...]:
    """The addresses of a field without their names."""
    return tuple(address.addr_spec for address in read_addresses(value) if address.addr_spec)


def address_of(sender: str) -> str:
    """The address of a sender that may stand with its name, as in `Support <support@example.org>`; else the text."""
    return next(iter(bare_addresses(sender)), "") if "<" in sender else sender.strip()


def addresses_in(headers: Headers, *names: str) -> tuple[Address, ...]:
    """The addresses of every field of these names, in the order of the names."""
    return tuple(address for name in names for value in headers.raw_all(name) for address in read_addresses(value))


@dataclass(slots=True)
class _Mailbox:
    """What was read between two commas."""

    name: list[str] = field(default_factory=list[str])
    source: list[str] = field(default_factory=list[str])
    comments: list[str] = field(default_factory=list[str])
    in_angle: str | None = None

    def add(self, source: str, name: str | None = None) -> None:
        self.source.append(source)
        self.name.append(source if name is None else name)

    def is_empty(self) -> bool:
        return not (self.in_angle or self.comments or "".join(self.source).strip())

    def address(self) -> Address:
        if self.in_angle is not None:
            name = _shown("".join(self.name)) or _shown(" ".join(self.comments))
            return Address(name, _addr_spec(self.in_angle))
        source = "".join(self.source)
        if encoded := _encoded_as_a_whole(source.strip()):
            return encoded
        name, addr_spec = _without_angle(source)
        return Address(_shown(name) or _shown(" ".join(self.comments)), addr_spec)


def _mailboxes(value: str) -> Iterator[_Mailbox]:
    mailbox = _Mailbox()
    position = 0
    # An opening sign that never closes is a plain sign, and so are its kind from there on: no second search.
    unclosed: set[str] = set()
    while position < len(value):
        sign = value[position]
        if text := _TEXT.match(value, position):
            mailbox.add(text[0])
            position = text.end()
        elif sign == '"' and sign not in unclosed and (quoted := _QUOTED.match(value, position)):
            mailbox.add(quoted[0], _ESCAPED.sub(r"\1", quoted[1]))
            position = quoted.end()
        elif sign == "(" and sign not in unclosed and (end := _comment_end(value, position)):
            mailbox.comments.append(value[position + 1 : end - 1])
            position = end
        elif sign == "<" and (angle := _ANGLE.match(value, position)):
            if mailbox.in_angle is not None:
                yield mailbox
                mailbox = _Mailbox()
            mailbox.in_angle = angle[1]
            position = angle.end()
        else:
            position += 1
            if sign in ",;":
                yield mailbox
            # A colon ends the name of a group (RFC 5322 3.4).
            if sign in ",;:":
                mailbox = _Mailbox()
            else:
                unclosed.add(sign)
                mailbox.add(sign)
    yield mailbox


def _comment_end(value: str, start: int) -> int:
    """Behind the bracket that closes the comment (comments nest), or 0."""
    depth = 0
    for sign in _COMMENT_SIGN.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(sign[0], 0)
        if depth == 0:
            return sign.end()
    return 0


def _addr_spec(in_angle: str) -> str:
    """The address between angle brackets, without an obsolete route (RFC 5322 4.4); empty if it is none."""
    text = (in_angle if '"' in in_angle else _without_comments(in_angle)).strip()
    if text.startswith("@"):
        text = text.partition(":")[2]
    text = _SPACE_AROUND_SIGN.sub(r"\1", " ".join(text.split()))
    return text if _ADDR_SPEC.fullmatch(text) else ""


def _without_comments(text: str) -> str:
    kept, position = "", 0
    while (start := text.find("(", position)) >= 0 and (end := _comment_end(text, start)):
        kept += text[position:start]
        position = end
    return kept + text[position:]


def _encoded_as_a_whole(source: str) -> Address | None:
    """The address of those who encode it together with its name, against RFC 2047 5; only where it is but one."""
    if not source.startswith("=?") or not source.endswith("?="):
        return None
    decoded = decode_words(source)
    if plain := _PLAIN.fullmatch(decoded, 0, LONGEST_VALUE):
        return Address(_shown(plain["phrase"] if plain["quoted"] is None else plain["quoted"]), plain["address"])
    alone = _ALONE.fullmatch(decoded, 0, LONGEST_VALUE)
    return Address("", alone["address"]) if alone else None


def _without_angle(source: str) -> tuple[str, str]:
    """Name and address of a mailbox without angle brackets; what could be two addresses is none."""
    name, unclosed, last = source.rpartition("<")
    if unclosed and source.count("@") == 1 and _ADDR_SPEC.fullmatch(last.strip()):
        return name, last.strip()
    words = source.strip("<> \t").split()
    together = _SPACE_AROUND_SIGN.sub(r"\1", " ".join(words))
    if _ADDR_SPEC.fullmatch(together):
        return "", together
    found = [word for word in words if _ADDR_SPEC.fullmatch(word)]
    if len(found) == 1 and source.count("@") == 1:
        return " ".join(word for word in words if word != found[0]), found[0]
    return source, ""


def _shown(name: str) -> str:
    return " ".join(clean(decode_words(name.strip('<>" '))).split())
