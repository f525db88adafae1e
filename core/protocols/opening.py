"""From nothing to a greeted, secured connection: the same steps for IMAP, POP3 and SMTP, told one by one."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from core.errors import TlsFailed, WireError
from core.protocols.certificate import Certificate
from core.protocols.findings import Found, Shown
from core.protocols.resolve import connect, resolve
from core.protocols.server import Server, Timeouts
from core.protocols.tls import Security, TlsFacts, explain
from core.protocols.wire import Wire
from core.text import counted


@dataclass(frozen=True)
class Milestone:
    """A step that was taken."""

    step: str
    """resolve, connect, tls, greeting, ehlo, login, folder, count, mail_from, rcpt_to or data"""
    detail: str
    """What came of it, for a reader."""
    found: Found = None
    """What was learned by it beside, for a program."""


class Conversation(Protocol):
    """What the opening needs of a protocol."""

    wire: Wire

    def greet(self) -> str:
        """Take the greeting, and refuse to go on if it is none."""

    def ask_for_tls(self) -> None:
        """Have the server agree to TLS, or raise `TlsMissing`."""


Talk = TypeVar("Talk", bound=Conversation)
Result = TypeVar("Result")


def opening(server: Server, timeouts: Timeouts, begin: Callable[[Wire], Talk]) -> Generator[Milestone, None, Talk]:
    """Resolve, connect, secure, greet; gives back the conversation. Broken off anywhere, it leaves nothing open."""
    addresses = resolve(server.host, server.port, timeouts.connect)
    yield Milestone("resolve", ", ".join(address.ip for address in addresses))
    opened, address = connect(addresses, timeouts.connect, place=server.place)
    wire = Wire(opened, address, server.place)
    with wire.closed_on_failure():
        yield Milestone("connect", str(address))
        talk = begin(wire)
        if server.security is Security.TLS:
            yield _secured_by(_secured(talk, server, timeouts, begin))
        yield Milestone("greeting", talk.greet())
        if server.security is Security.STARTTLS:
            talk.ask_for_tls()
            yield _secured_by(_secured(talk, server, timeouts, begin))
    return talk


def finished(steps: Generator[Milestone, None, Result]) -> Result:
    """Take all steps at once, where nobody watches them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("Result", end.value)


def tls_line(facts: TlsFacts) -> str:
    """What was agreed, in one line."""
    return f"{facts.version}, {facts.cipher}, {facts.subject}, {counted(facts.days_left, 'day')} left"


def _secured_by(facts: TlsFacts) -> Milestone:
    return Milestone("tls", tls_line(facts), Shown(facts.certificate.expires))


def _secured(talk: Talk, server: Server, timeouts: Timeouts, begin: Callable[[Wire], Talk]) -> TlsFacts:
    try:
        return talk.wire.secure(server.host, server.trust, timeouts.connect)
    except TlsFailed as failure:
        refused = failure.__cause__
        if not isinstance(refused, ssl.SSLCertVerificationError):
            raise
        # OpenSSL does not tell what stood in a certificate it refused: it is asked for once more, only to be looked at.
        certificate: Certificate | None = None
        with contextlib.suppress(WireError):
            certificate = _certificate(server, timeouts, begin)
        text = explain(refused, server.host, certificate)
        raise TlsFailed(text, host=server.place, phase="tls") from refused


def _certificate(server: Server, timeouts: Timeouts, begin: Callable[[Wire], Talk]) -> Certificate:
    addresses = resolve(server.host, server.port, timeouts.connect)
    wire = Wire(*connect(addresses, timeouts.connect, place=server.place), server.place)
    with contextlib.closing(wire):
        if server.security is Security.STARTTLS:
            talk = begin(wire)
            talk.greet()
            talk.ask_for_tls()
        return wire.look_at_certificate(server.host, timeouts.connect)
