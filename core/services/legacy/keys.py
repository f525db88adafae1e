"""The keys that older gateways keep their SMTP settings under: what each means, or why it means nothing here.

JavaMail's are those of the package description of com.sun.mail.smtp and javax.mail; plainer files use their last words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """What a key sets."""

    PROTOCOL = "protocol"
    HOST = "host"
    PORT = "port"
    AUTH = "auth"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - a key's meaning
    SENDER = "sender"
    EHLO = "ehlo name"
    SECURITY = "security"
    STARTTLS = "starttls"
    STARTTLS_REQUIRED = "starttls required"
    SSL = "ssl"
    FACTORY = "socket factory"
    FACTORY_PORT = "socket factory's port"
    FALLBACK = "fallback"
    MILLISECONDS = "milliseconds"
    """A deadline: it must be a number, and has no counterpart."""


@dataclass(frozen=True)
class Key:
    """A key, taken apart."""

    meaning: Meaning | None
    """None: unknown, or without counterpart."""
    protocol: str
    """`smtp`, `smtps`, or empty where it is for any."""
    why_not: str = ""
    """Why it has no counterpart here; empty and without meaning: unknown."""


def read_key(key: str) -> Key:
    """What a key means, however it is written: `mail.smtp.starttls.enable`, `smtp_starttls`, `StartTLS`."""
    words = [word for word in re.split(r"[^a-z0-9]+", key.lower()) if word]
    if words[:1] == ["mail"]:
        words = words[1:]
    protocol = words.pop(0) if len(words) > 1 and words[0] in {"smtp", "smtps"} else ""
    name = "".join(words)
    if name in _MEANINGS:
        return Key(_MEANINGS[name], protocol)
    return Key(None, protocol, next((why for pattern, why in _WITHOUT if re.fullmatch(pattern, name)), ""))


_MEANINGS = {
    **dict.fromkeys(("transportprotocol", "transportprotocolrfc822", "protocol"), Meaning.PROTOCOL),
    **dict.fromkeys(("host", "hostname", "server", "smtphost", "smtpserver", "relay", "relayhost"), Meaning.HOST),
    **dict.fromkeys(("port", "smtpport", "serverport"), Meaning.PORT),
    **dict.fromkeys(("auth", "smtpauth", "authentication", "authenable"), Meaning.AUTH),
    **dict.fromkeys(("user", "username", "login", "smtpuser", "authuser"), Meaning.USER),
    **dict.fromkeys(("password", "pass", "passwd", "smtppassword", "authpassword"), Meaning.PASSWORD),
    **dict.fromkeys(("from", "sender", "fromaddress", "defaultsender", "smtpfrom"), Meaning.SENDER),
    **dict.fromkeys(("localhost", "ehloname", "helo", "heloname"), Meaning.EHLO),
    **dict.fromkeys(("security", "encryption", "connectionsecurity"), Meaning.SECURITY),
    **dict.fromkeys(("starttls", "starttlsenable", "starttlsenabled", "usestarttls"), Meaning.STARTTLS),
    "starttlsrequired": Meaning.STARTTLS_REQUIRED,
    **dict.fromkeys(("ssl", "sslenable", "sslenabled", "usessl"), Meaning.SSL),
    **dict.fromkeys(("socketfactory", "socketfactoryclass"), Meaning.FACTORY),
    **dict.fromkeys(("sslsocketfactory", "sslsocketfactoryclass"), Meaning.FACTORY),
    **dict.fromkeys(("socketfactoryport", "sslsocketfactoryport"), Meaning.FACTORY_PORT),
    **dict.fromkeys(("socketfactoryfallback", "sslsocketfactoryfallback", "fallback"), Meaning.FALLBACK),
    **dict.fromkeys(("connectiontimeout", "timeout", "writetimeout"), Meaning.MILLISECONDS),
}  # fmt: skip

_WITHOUT = (
    (r"debug|debugauth.*|quitwait|sendpartial|allow8bitmime|reportsuccess|noopstrict|userset", "nothing to set here"),
    (r"mime.*|store.*|imap.*|pop3.*", "this is about sending alone"),
    (
        r"ssltrust|sslcheckserveridentity",
        "certificates are always verified: use the template's extra CA or fingerprint",
    ),
    (r"sslprotocols|sslciphersuites", "TLS 1.2 or newer is always used"),
    (r"ehlo", "EHLO is always said first, and HELO where the server knows no other"),
    (r"localaddress|localport", "the system chooses the address to send from"),
    (r"auth.*|sasl.*", "the strongest way that both sides know is used; for OAuth give the mailbox a sign-in profile"),
    (r"dsn.*|submitter|mailextension|useuuid", "each message says so for itself"),
    (r"proxy.*|socks.*", "proxies are not supported"),
)
