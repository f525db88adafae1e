"""An older gateway's SMTP settings as a template and a mailbox: values in, values out.

TLS is never dropped: where the old program would have gone on in clear, this one does not, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from core.errors import Problem
from core.resources import checks
from core.secret import Secret
from core.services.legacy.given import Given, Note
from core.services.legacy.keys import Meaning
from core.services.legacy.properties import Property

_SECURITIES = {"": "none", "none": "none", "plain": "none", "starttls": "starttls", "tls": "tls", "ssl": "tls"}
_STARTTLS_PORTS = {25, 587, 2525}


@dataclass(frozen=True)
class Understood:
    """What the settings come to."""

    template: dict[str, Any]
    """The fields of the template."""
    mailbox: dict[str, Any]
    """The fields of the mailbox; the password is a secret."""
    notes: tuple[Note, ...]
    """Keys that are unknown, mean nothing here, or are taken over otherwise than they look."""
    problems: tuple[Problem, ...]
    """Everything that is wrong."""


def understood(properties: Sequence[Property], file: str) -> Understood:
    """Read the settings; what is wrong, unknown or changed in meaning is said, all of it."""
    given = Given(properties, file)
    template, mailbox = _template(given), _mailbox(given)
    _warn(given, template, mailbox)
    return Understood(template, mailbox, tuple(given.notes), tuple(given.problems))


def _template(given: Given) -> dict[str, Any]:
    host, security = _host(given), _security(given)
    port = _port(given, security)
    has_login = bool(given.text(Meaning.USER) and given.raw(Meaning.PASSWORD))
    return {
        "smtp_host": host,
        "smtp_port": port,
        "smtp_security": security,
        "smtp_auth": given.yes(Meaning.AUTH, otherwise=has_login),
        **_fallback(given, port),
        "ehlo_name": given.text(Meaning.EHLO),
    }


def _mailbox(given: Given) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if user := given.text(Meaning.USER):
        values["username"] = user
    if password := given.raw(Meaning.PASSWORD):
        values["password"] = Secret(password)
    if sender := _sender(given):
        values["default_sender"] = sender
    return values


def _host(given: Given) -> str:
    host = given.text(Meaning.HOST)
    if not host:
        given.wrong(Meaning.HOST, "is missing: no key names the server (mail.smtp.host).")
    elif complaint := checks.host(host):
        given.wrong(Meaning.HOST, complaint)
    return host


def _security(given: Given) -> str:
    said = given.text(Meaning.SECURITY).lower()
    if said not in _SECURITIES:
        given.wrong(Meaning.SECURITY, f"is none, starttls or tls, not {said!r}.")
    named = _SECURITIES.get(said, "none")
    has_starttls, is_required = given.yes(Meaning.STARTTLS), given.yes(Meaning.STARTTLS_REQUIRED)
    # Each is asked: what is wrong with any of them is to be said.
    if any((_has_factory(given), given.yes(Meaning.SSL), given.is_smtps)) or named == "tls":
        return "tls"
    if has_starttls and not is_required:
        text = "is taken over as required: the old program went on in clear where STARTTLS was not offered."
        given.note(Meaning.STARTTLS, text)
    return "starttls" if has_starttls or is_required else named


def _has_factory(given: Given) -> bool:
    factory = given.text(Meaning.FACTORY)
    if factory.lower() in {"", "false", "no"}:
        return Meaning.FACTORY_PORT in given
    if factory.lower() not in {"true", "yes"} and not factory.startswith("javax.net.ssl."):
        given.note(Meaning.FACTORY, "is taken over as TLS with the certificate verified, whatever that class did.")
    return True


def _port(given: Given, security: str) -> int:
    # A socket factory's port is the one that is connected to; the other then serves the fallback alone.
    ports = [given.port(meaning) for meaning in (Meaning.FACTORY_PORT, Meaning.PORT) if meaning in given]
    if ports:
        return ports[0]
    usual = 465 if security == "tls" else 25
    given.note(Meaning.PORT, f"is not given: {usual} is taken over, as the old program did.")
    return usual


def _fallback(given: Given, port: int) -> dict[str, Any]:
    if not given.yes(Meaning.FALLBACK):
        return {"fallback": False}
    other = given.port(Meaning.PORT) if Meaning.PORT in given else port
    if other == port:
        other = 587 if port == 465 else 465
    security = "starttls" if other in _STARTTLS_PORTS else "tls"
    given.note(
        Meaning.FALLBACK,
        f"is taken over without dropping TLS: when nothing answers at port {port}, port {other} is tried with "
        f"{security.upper()}. The old program went on in clear.",
    )
    return {"fallback": True, "fallback_port": other, "fallback_security": security}


def _sender(given: Given) -> str:
    text = given.text(Meaning.SENDER)
    name, address = parseaddr(text)
    if not text:
        return ""
    if not address or (checks.mail_address(address) is not None):
        given.wrong(Meaning.SENDER, f"is no e-mail address: {text!r}.")
    elif name:
        return text
    return address


def _warn(given: Given, template: dict[str, Any], mailbox: dict[str, Any]) -> None:
    if template["smtp_auth"]:
        for meaning, name in ((Meaning.USER, "username"), (Meaning.PASSWORD, "password")):
            if name not in mailbox:
                given.note(meaning, "is not given, and the server asks for a login: set it before this mailbox sends.")
    elif "password" in mailbox:
        given.note(Meaning.PASSWORD, "is kept, though the login is off.")
