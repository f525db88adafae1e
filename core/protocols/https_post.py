"""Posting a document to a web address: over verified TLS, to public addresses, within one deadline, no redirects.

The receiver's name comes from configuration, but what it resolves to is for others to decide: a name that suddenly
points into the private network must not turn us into somebody's hand there. Only who configures this machine itself
(`localhost`, 127.0.0.1, ::1) reaches it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.clock import Deadline
from core.errors import Unreachable, WireError
from core.protocols.resolve import Address, connect, resolve
from core.protocols.tls import TlsTrust
from core.protocols.wire import Wire
from core.text import bounded, clean

LONGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; only its first line and a little of its text matter."""

_SHOWN = 200
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All that is given out to be reached from anywhere (RFC 4291 §2.4). What else Python calls global may be translated to
# an address inside: 64:ff9b:1::/48 (RFC 8215), ::ffff:0:0:0/96, ::/96; or is inside: fec0::/10.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_PROTOCOLS_OWN = ipaddress.ip_network("192.0.0.0/24")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: ([^\r\n]*))?\r?\n")
_TARGET = re.compile(r"[!-~]*")
_HOST_NAME = re.compile(r"[a-z0-9_.:-]{1,253}")


@dataclass(frozen=True)
class WebAddress:
    """A web address, taken apart."""

    host: str
    port: int
    target: str
    """Path and query, as the request names them."""
    is_tls: bool

    @property
    def is_local(self) -> bool:
        """Whether it names this machine itself."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def place(self) -> str:
        """Host and port, as errors and the Host header name them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What the receiver said."""

    status: int
    reason: str
    text: str
    """The beginning of what came with it, cleaned."""

    @property
    def is_taken(self) -> bool:
        """Whether it took the document (RFC 9110 §15.3)."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        return " ".join(part for part in (f"HTTP {self.status}", self.reason, self.text and f"({self.text})") if part)


def read_web_address(url: str) -> WebAddress:
    """Take an address apart.

    Raises:
        ValueError: it is no https address (http on this machine alone), with the sentence that says so.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise ValueError(f"is no web address: {error}.") from error
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password; what is posted is signed instead.")
    if not _HOST_NAME.fullmatch(host) or not _TARGET.fullmatch(target):
        raise ValueError("is no web address: write it as https://host/path, in ASCII and without spaces.")
    address = WebAddress(host, port or (443 if parts.scheme == "https" else 80), target, parts.scheme == "https")
    if not address.is_tls and (parts.scheme != "http" or not address.is_local):
        raise ValueError("is an https:// address (http:// only on this machine).")
    return address


def post(
    address: WebAddress, document: bytes, headers: Mapping[str, str], *, seconds: float, trust: TlsTrust | None = None
) -> Answer:
    """Post a document and read the answer; all of it within `seconds`.

    Raises:
        Unreachable: no address, a private one, or nobody answers.
        TlsFailed: the receiver's certificate is not accepted.
        WireError: it was too slow, cut the connection or did not speak HTTP.
    """
    deadline = Deadline(seconds)
    found = resolve(address.host, address.port, deadline.remaining())
    _refuse_private(address, found)
    opened, reached = connect(found, deadline.remaining(), place=address.place)
    wire = Wire(opened, reached, address.place)
    try:
        if address.is_tls:
            wire.secure(address.host, trust or TlsTrust(), deadline.remaining())
        wire.begin("post", deadline.remaining(), LONGEST_ANSWER)
        wire.send(_request(address, len(document), headers) + document)
        return _answer(wire)
    finally:
        wire.close()


def _request(address: WebAddress, length: int, headers: Mapping[str, str]) -> bytes:
    default = 443 if address.is_tls else 80
    host = address.place.removesuffix(f":{default}")
    fields = {"Host": host, "User-Agent": "postroom", "Connection": "close", "Content-Length": str(length), **headers}
    lines = [f"POST {address.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("A header of a request holds a line break.")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _answer(wire: Wire) -> Answer:
    while True:
        line = wire.readline(4096)
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            wire.violation(
                "What answers there does not speak HTTP.", reply=bounded(clean(line.decode("latin-1")), _SHOWN)
            )
        fields = _fields(wire)
        if (status := int(found[1])) >= 200:  # 1xx only announce (RFC 9110 §15.2)
            break
    reason = bounded(clean((found[2] or b"").decode("latin-1").strip()), _SHOWN)
    return Answer(status, reason, _beginning(wire, fields) if not 200 <= status < 300 else "")


def _fields(wire: Wire) -> dict[str, str]:
    fields: dict[str, str] = {}
    while line := wire.readline(8192).strip():
        name, _, value = line.decode("latin-1").partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _beginning(wire: Wire, fields: Mapping[str, str]) -> str:
    """A little of the text of a refusal, where its length is announced: it says what a person must mend."""
    length = fields.get("content-length", "")
    if not length.isascii() or not length.isdecimal() or len(length) > 9 or "content-encoding" in fields:
        return ""
    try:
        text = wire.read(min(int(length), _SHOWN * 4))
    except WireError:
        return ""  # the refusal stands, whatever became of its text
    return bounded(clean(text.decode("utf-8", "replace")).strip(), _SHOWN)


def _refuse_private(address: WebAddress, found: Sequence[Address]) -> None:
    for one in found:
        is_fine = _is_loopback(one.ip) if address.is_local else _is_public(one.ip)
        if not is_fine:
            raise Unreachable(
                f"{address.host} resolves to {one.ip}, which is no public address: nothing is posted into private "
                "networks. Use a command for a receiver there.",
                host=address.place,
                phase="resolve",
            )


def _is_public(ip: str) -> bool:
    found = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # An IPv4 address within an IPv6 one is reached through a translator.
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        if inner is None:
            return found in _GLOBAL_UNICAST and found.is_global
        found = inner
    return found.is_global and not found.is_multicast and found not in _PROTOCOLS_OWN


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
