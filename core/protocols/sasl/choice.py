"""Which mechanisms are tried, in which order.

Where nobody can listen (TLS, whose certificate is always verified, or this machine itself) the password goes as it is:
that works whatever the server keeps of it. A challenge works only where it keeps the right thing, and many announce
what their users' entries do not allow; each such try is a failed login there, which is counted and may lock us out.
Where somebody may listen, what keeps the password goes first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator

from core.protocols.sasl.cram_md5 import CramMd5
from core.protocols.sasl.mechanism import Mechanism, by_password, by_two_answers
from core.protocols.sasl.prepared import prepared
from core.protocols.sasl.scram import HASHES, Scram

CHALLENGED = (*HASHES, "CRAM-MD5")
"""Those that keep the password, best first."""

SPOKEN = ("PLAIN", "LOGIN")
"""Those that hand it over."""


def ways(offered: Container[str], spoken: tuple[str, ...] = SPOKEN, *, is_overheard: bool = False) -> tuple[str, ...]:
    """What is offered and known, in the order in which it is tried.

    `spoken` are those that hand over the password, a protocol's own command among them.
    """
    order = (*CHALLENGED, *spoken) if is_overheard else (*spoken, *CHALLENGED)
    return tuple(name for name in order if name in offered)


def tries(name: str, username: str, password: str) -> Iterator[Mechanism]:
    """A mechanism made ready, once for each form of the password that the server may have kept."""
    match name:
        case "PLAIN":
            yield by_password(username, password)
        case "LOGIN":
            yield by_two_answers(username, password)
        case "CRAM-MD5":
            yield CramMd5(username, password)
        case _:
            # The standard wants it prepared; Dovecot and Cyrus reckon with it as it was typed.
            for form in dict.fromkeys((password, prepared(password))):
                yield Scram(name, username, form)


def is_overheard(ip: str, *, is_encrypted: bool) -> bool:
    """Whether somebody may listen on the way to this address."""
    return not (is_encrypted or ipaddress.ip_address(ip.partition("%")[0]).is_loopback)
