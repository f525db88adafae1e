"""Which field of a form mends what a test of its connection stopped at."""

from __future__ import annotations

from collections.abc import Collection

_PASSWORD, _PROFILE, _TYPE, _PORT, _HOST = "password", "profile", "type", "port", "host"

FIELDS = {
    "port": _PORT,
    "refused": _PORT,
    "no answer": _PORT,
    "no TLS on this port": _PORT,
    "unknown host": _HOST,
    "no route": _HOST,
    "firewall": _HOST,
    "wrong host in certificate": _HOST,
    "self-signed": "tls_fingerprint",
    "other pin": "tls_fingerprint",
    "fingerprint": "tls_fingerprint",
    "unknown authority": "tls_ca",
    "extra CA": "tls_ca",
    "no STARTTLS": _TYPE,
    "TLS port without TLS": _TYPE,
    "not this protocol": _TYPE,
    "password in clear": _TYPE,
    "password": _PASSWORD,
    "app password": _PASSWORD,
    "password expired": _PASSWORD,
    "browser login": _PROFILE,
    "basic authentication off": _PROFILE,
    "token": _PROFILE,
    "no tokens": _PROFILE,
    "domain login": _PROFILE,
    "login mechanism": _PROFILE,
    "impostor": _HOST,
    "folder": "folders",
    "sender's domain": "default_sender",
    "sender's policy": "default_sender",
    "sender not allowed": "default_sender",
    "sender refused": "default_sender",
    "too large": "max_size",
}
"""Causes (`core.protocols.causes`) and where each is mended; the others are mended elsewhere, or by waiting."""

_OF_SERVER = {_PORT, _HOST, _TYPE, "tls_fingerprint", "tls_ca"}


def field_for(cause: str, fields: Collection[str]) -> str:
    """The one of these fields to look at, or none; a mailbox's server is its template's."""
    name = FIELDS.get(cause, "")
    if name in _OF_SERVER and "template" in fields:
        return "template"
    return name if name in fields else ""
