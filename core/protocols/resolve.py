"""From a host name to an open connection, with a sentence for each way it can fail."""

from __future__ import annotations

import errno
import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import Deadline
from core.errors import Unreachable

_Found = list[tuple[socket.AddressFamily, str]] | OSError


@dataclass(frozen=True)
class Address:
    """One address of a server."""

    family: socket.AddressFamily
    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def resolve(host: str, port: int, seconds: float) -> tuple[Address, ...]:
    """The addresses of a host in the order to be tried; asked anew at each connection."""
    place = f"{host}:{port}"
    if not 0 < port < 65536:
        raise Unreachable(f"{port} is not a port: 1 to 65535.", host=place, phase="resolve")
    try:
        literal = ipaddress.ip_address(host)
        found: _Found = [(socket.AF_INET6 if literal.version == 6 else socket.AF_INET, host)]
    except ValueError:
        found = _look_up(host, seconds, place)
    if isinstance(found, OSError):
        raise Unreachable(_no_address(host, found), host=place, phase="resolve") from found
    return tuple(Address(family, ip, port) for family, ip in dict.fromkeys(found))


def connect(addresses: Sequence[Address], seconds: float, *, place: str) -> tuple[socket.socket, Address]:
    """Open a connection to the first address that answers; the last one's failure is told if none does."""
    deadline = Deadline(seconds)
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for position, address in enumerate(addresses):
        share = deadline.remaining() / (len(addresses) - position)
        try:
            return _open(address, share), address
        except OSError as error:
            failure = error
    tried = ", ".join(str(address) for address in addresses)
    raise Unreachable(_no_answer(failure, tried), host=place, phase="connect") from failure


def _open(address: Address, seconds: float) -> socket.socket:
    opened = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        opened.settimeout(max(seconds, 0.001))
        opened.connect((address.ip, address.port))
        # Commands are small and are answered before the next: waiting to fill a packet would only delay them.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError:
        opened.close()
        raise
    return opened


def _look_up(host: str, seconds: float, place: str) -> _Found:
    # getaddrinfo has no timeout of its own and may hang for minutes on a dead name server: it is left behind then.
    answer: queue.SimpleQueue[_Found] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, answer), name=f"resolve {host}", daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        raise Unreachable(
            f"The name server did not answer for {host} within {seconds:g} s. Is this machine's network up?",
            host=place,
            phase="resolve",
        ) from None


def _ask(host: str, answer: queue.SimpleQueue[_Found]) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        answer.put([(family, str(sockaddr[0])) for family, _, _, _, sockaddr in found])
    except OSError as error:
        answer.put(error)
    except UnicodeError:
        answer.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))


def _no_address(host: str, error: OSError) -> str:
    if isinstance(error, socket.gaierror) and error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
        return f"There is no host named {host!r}. Check the spelling."
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return f"The name server could not answer for {host!r} just now."
    return f"The name {host!r} could not be resolved: {error.strerror or error}"


def _no_answer(error: OSError, tried: str) -> str:
    if isinstance(error, TimeoutError):
        return f"Nothing answers at {tried}. Is the port right, and does a firewall let us through?"
    if isinstance(error, ConnectionRefusedError):
        return f"The connection to {tried} was refused: nothing listens on that port."
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"There is no way from here to {tried}. Is this machine's network up?"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Too many files and connections are open on this machine to open another."
    return f"The connection to {tried} failed: {error.strerror or error}"
