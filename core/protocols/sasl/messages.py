"""The messages of mechanisms that hand over what they have in one (RFC 4616, RFC 7628, Google's XOAUTH2)."""

from __future__ import annotations

from core.protocols.sasl.text import refuse_breaks, refuse_nul


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
