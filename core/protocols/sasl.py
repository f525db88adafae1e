"""What SASL mechanisms send (RFC 4616, RFC 7628, Google's XOAUTH2)."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from core.errors import BadInput
from core.secret import MASK


def plain(username: str, password: str) -> bytes:
    """The one message of PLAIN (RFC 4616 §2)."""
    refuse_nul(username, password)
    return b"\0" + username.encode() + b"\0" + password.encode()


def xoauth2(username: str, token: str) -> bytes:
    """The one message of XOAUTH2, which Google and Microsoft take."""
    refuse_breaks("user name", username)
    refuse_breaks("token", token)
    return f"user={username}\x01auth=Bearer {token}\x01\x01".encode()


def oauthbearer(username: str, token: str, host: str, port: int) -> bytes:
    """The one message of OAUTHBEARER (RFC 7628 §3.1)."""
    refuse_breaks("user name", username)
    refuse_breaks("token", token)
    name = username.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()


TOKEN_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
"""In the order in which they are tried: the big hosts all know the first."""


def by_token(mechanism: str, username: str, token: str, host: str, port: int) -> bytes:
    """The one message of either."""
    return xoauth2(username, token) if mechanism == "XOAUTH2" else oauthbearer(username, token, host, port)


def dismissal(mechanism: str) -> bytes:
    """What answers the challenge that tells why a token was refused; only then the refusal itself comes.

    An empty line for XOAUTH2; OAUTHBEARER has a byte for it (RFC 7628 §3.2.3).
    """
    return encoded(b"\x01") if mechanism == "OAUTHBEARER" else b""


def encoded(message: bytes) -> bytes:
    """As it goes over the wire."""
    return base64.b64encode(message)


def decoded(challenge: bytes) -> str:
    """A challenge in readable form; what is no base64 is empty."""
    try:
        return base64.b64decode(challenge, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def refuse_breaks(what: str, value: str) -> str:
    """Give the value back, or refuse it: CR, LF and NUL would end the command and begin another.

    Raises:
        BadInput: it holds one of them.
    """
    if "\r" in value or "\n" in value or "\0" in value:
        raise BadInput(f"The {what} holds a line break or NUL, which cannot be sent to a server.")
    return value


def refuse_nul(*values: str) -> None:
    """PLAIN separates its parts by NUL, so none may hold one."""
    for value in values:
        refuse_breaks("user name or password", value)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """A server's words without the secrets it may repeat, also in base64."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK).replace(base64.b64encode(secret.encode()).decode(), MASK)
    return text
