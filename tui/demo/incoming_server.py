"""The demo's incoming mail: Dovecot where it is installed, else the small server of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tui.demo.certificates import ServerCertificate
from tui.demo.dovecot import Dovecot, DovecotFailed, find_dovecot
from tui.demo.imap_server import ImapServer


@dataclass(frozen=True)
class IncomingServer:
    """A running server, whichever it is."""

    words: str
    """What it is, for a person."""
    host: str
    imaps_port: int
    pop3s_port: int | None
    """None: it speaks IMAP alone."""
    deliver: Callable[[str, Iterable[bytes]], int]
    """Puts messages into a user's inbox."""


def start_incoming(stack: ExitStack, certificate: ServerCertificate, logins: Mapping[str, str]) -> IncomingServer:
    """Start a server with these users; it ends with the stack."""
    if find_dovecot() is not None:
        try:
            dovecot = stack.enter_context(Dovecot(certificate, logins))
        except DovecotFailed as error:
            return _small(stack, certificate, logins, f"Dovecot did not start ({str(error).splitlines()[0]})")
        return IncomingServer(
            "Dovecot (IMAPS and POP3S)", dovecot.host, dovecot.ports.imaps, dovecot.ports.pop3s, dovecot.deliver
        )
    return _small(stack, certificate, logins, "Dovecot is not installed")


def _small(stack: ExitStack, certificate: ServerCertificate, logins: Mapping[str, str], why: str) -> IncomingServer:
    server = stack.enter_context(ImapServer(logins, certificate))
    return IncomingServer(f"a small IMAPS server of our own: {why}", server.host, server.port, None, server.deliver)
