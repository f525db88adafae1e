"""The one check that an address must pass before it enters an envelope: reject, never repair.

The tolerant reader is `core.mail.addresses`.
"""

import ipaddress
import re

# Only what every reader takes for the same mailbox: no comments, no quoting that could be left out, no route
# (CVE-2023-27043 lists forms that two readers take for two addresses).
# What is left of ASCII are the atoms of RFC 5322 3.2.3; beyond ASCII all is an atom (RFC 6531 3.3).
_ATOM = r"""[^\x00-\x20\x7f-\xa0"(),.:;<>@\[\\\]]+"""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# Nearly all addresses: what is told by one look is not looked at piece by piece.
_PLAIN = re.compile(
    rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@)(?!=\?)[\w!#$%&'*+/=?^`{{|}}~-]+(?:\.[\w!#$%&'*+/=?^`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*\Z",
    re.ASCII,
)
_NEEDS_QUOTES = re.compile(r'"[A-Za-z0-9!#$%&\'*+/=?^_`{|}~.\-]+"')
_HOST_NAME = re.compile(rf"(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})*")
_UNPRINTABLE_OR_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# RFC 5321 4.5.3.1: a path of 256 octets holds two angle brackets.
_LONGEST_ADDRESS = 254
_LONGEST_LOCAL_PART = 64


def strict_address(text: str, *, allow_utf8: bool = False) -> str:
    """The address as it goes into an envelope (RFC 5321 4.1.2), its domain in ASCII; else `ValueError` with a sentence.

    With `allow_utf8` the local part may be other than ASCII: the relay must then offer SMTPUTF8 (RFC 6531).
    """
    if _PLAIN.match(text):
        return text
    shown = ascii(text if len(text) <= 80 else text[:79] + "…")
    if not text:
        raise ValueError("The address is empty.")
    if _UNPRINTABLE_OR_SPACE.search(text) or not text.isprintable():
        raise ValueError(
            f"The address {shown} holds a space, a line break or another character that no address may hold."
        )
    if len(text) > _LONGEST_ADDRESS:
        raise ValueError(f"The address {shown} is longer than {_LONGEST_ADDRESS} octets.")
    local_part, at, domain = text.rpartition("@")
    if not at or not local_part or not domain:
        raise ValueError(f"The address {shown} is not of the form name@domain.")
    _check_local_part(local_part, shown, allow_utf8=allow_utf8)
    address = f"{local_part}@{_ascii_domain(domain, shown)}"
    if len(address.encode()) > _LONGEST_ADDRESS:
        raise ValueError(f"The address {shown} is longer than {_LONGEST_ADDRESS} octets.")
    return address


def needs_smtputf8(address: str) -> bool:
    """Whether only a relay that offers SMTPUTF8 may be given this strict address."""
    return not address.isascii()


def ascii_domain(domain: str) -> str:
    """A domain or address literal as it stands in an envelope or Message-ID; else `ValueError` with a sentence."""
    return _ascii_domain(domain, ascii(domain[:80]))


def domain_of(address: str) -> str:
    """What stands behind the last `@`, in lower case; empty if there is none."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def _check_local_part(local_part: str, shown: str, *, allow_utf8: bool) -> None:
    if len(local_part.encode()) > _LONGEST_LOCAL_PART:
        raise ValueError(f"The part before the @ of {shown} is longer than {_LONGEST_LOCAL_PART} octets.")
    if not local_part.isascii() and not allow_utf8:
        raise ValueError(
            f"The part before the @ of {shown} holds other than ASCII letters, which this path cannot carry."
        )
    if local_part.startswith("=?") and local_part.endswith("?="):
        raise ValueError(f"The part before the @ of {shown} is an encoded word, which no address may hold.")
    if _DOT_ATOM.fullmatch(local_part):
        return
    # Some providers gave out names such as "a..b", which are mailboxes only in quotes.
    if _NEEDS_QUOTES.fullmatch(local_part) and not _DOT_ATOM.fullmatch(local_part[1:-1]):
        return
    raise ValueError(f"The part before the @ of {shown} is ambiguous or not allowed.")


def _ascii_domain(domain: str, shown: str) -> str:
    if domain.startswith("["):
        return _address_literal(domain, shown)
    ascii_form = domain if domain.isascii() else _idna(domain, shown)
    if not _HOST_NAME.fullmatch(ascii_form):
        raise ValueError(f"The domain of {shown} is not a host name.")
    return ascii_form


def _idna(domain: str, shown: str) -> str:
    """The domain's ASCII form, if that leads back to what was written: "ß" means two domains to two readers."""
    try:
        ascii_form = domain.encode("idna").decode("ascii")
        is_unambiguous = ascii_form.encode("ascii").decode("idna") == domain.lower()
    except ValueError as error:
        raise ValueError(f"The domain of {shown} has no ASCII form.") from error
    if not is_unambiguous:
        raise ValueError(f"The domain of {shown} is ambiguous; write it in its xn-- form.")
    return ascii_form


def _address_literal(domain: str, shown: str) -> str:
    """An address literal (RFC 5321 4.1.3), as it is written."""
    inner = domain[1:-1] if domain.endswith("]") else ""
    try:
        if inner[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError as error:
        raise ValueError(f"The domain of {shown} is not an address literal.") from error
    if "%" in inner:
        raise ValueError(f"The domain of {shown} names a network interface.")
    return domain
