"""From a host name to an open connection, with a sentence for each way it can fail."""

from __future__ import annotations

import errno
import ipaddress
import os
import queue
import select
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import Deadline
from core.errors import Unreachable
from core.shortage import TOO_MANY_FILES

NEXT_AFTER = 0.5
"""Seconds after which the next address is tried beside one that has not answered. RFC 8305 has half of it: here nobody
waits at a screen, and servers at the end of slow lines shall not be called twice each time."""

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
    """The addresses of a host in the order to be tried; asked anew at each connection.

    Raises:
        Unreachable: it has none, no server of names answered in so many seconds, or that is no port.
    """
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
    """Open a connection to the first address that answers; the last one's failure is told if none does.

    They are tried in their order, the next one as soon as one has failed or has not answered for `NEXT_AFTER`: where
    IPv6 is announced and leads nowhere, that must not cost each connection half of its time (RFC 8305 §5).

    Raises:
        Unreachable: none answered in so many seconds.
    """
    attempts = _Attempts()
    try:
        return attempts.first_to_answer(addresses, Deadline(seconds))
    except OSError as failure:
        tried = ", ".join(str(address) for address in addresses)
        raise Unreachable(_no_answer(failure, tried), host=place, phase="connect") from failure
    finally:
        attempts.abandon()


class _Attempts:
    """Connections that are being made at a time."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._begun: dict[int, tuple[socket.socket, Address]] = {}
        self._failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")

    def first_to_answer(self, addresses: Sequence[Address], deadline: Deadline) -> tuple[socket.socket, Address]:
        for address in addresses:
            self._begin(address)
            is_last = address is addresses[-1]
            patience = deadline if is_last else Deadline(min(NEXT_AFTER, deadline.remaining()))
            if (answered := self._wait(patience, for_all=is_last)) is not None:
                return answered
        raise TimeoutError("no answer") if self._begun else self._failure

    def abandon(self) -> None:
        """Close what did not answer first."""
        for opened, _ in self._begun.values():
            opened.close()

    def _begin(self, address: Address) -> None:
        try:
            opened = socket.socket(address.family, socket.SOCK_STREAM)
            self._begun[opened.fileno()] = (opened, address)
            self._poll.register(opened, select.POLLOUT)
            opened.setblocking(False)
            number = opened.connect_ex((address.ip, address.port))
        except OSError as error:
            self._failure = error
        else:
            if number not in (0, errno.EINPROGRESS):
                self._failed(opened.fileno(), number)

    def _wait(self, deadline: Deadline, *, for_all: bool) -> tuple[socket.socket, Address] | None:
        """The first that answers; `None`: the time is over, or there is a failure, and with `for_all` nothing else."""
        while self._begun and not deadline.is_over():
            for descriptor, _ in self._poll.poll(max(1, deadline.remaining() * 1000)):
                opened, address = self._begun[descriptor]
                if (number := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) == 0:
                    del self._begun[descriptor]
                    return _prepared(opened), address
                self._failed(descriptor, number)
                if not for_all:
                    return None
        return None

    def _failed(self, descriptor: int, number: int) -> None:
        self._poll.unregister(descriptor)
        self._begun.pop(descriptor)[0].close()
        self._failure = OSError(number, os.strerror(number))


def _prepared(opened: socket.socket) -> socket.socket:
    opened.setblocking(True)
    # Commands are small and are answered before the next: waiting to fill a packet would only delay them.
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
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
        return TOO_MANY_FILES
    return f"The connection to {tried} failed: {error.strerror or error}"
