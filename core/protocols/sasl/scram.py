"""SCRAM (RFC 5802; with SHA-256 RFC 7677): each side proves to the other that it knows the password, or what of it
the server keeps. The password itself stays here.

Without binding to the TLS connection (-PLUS): the certificate is verified anyway, and servers that want it are not met.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from core.protocols.sasl.mechanism import Unproven
from core.protocols.sasl.prepared import prepared
from core.protocols.sasl.text import refuse_breaks

HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512", "SCRAM-SHA-1": "sha1"}
"""The mechanisms, the one that is met most first, and what each reckons with."""

MOST_ROUNDS = 5_000_000
"""How often a server may have us hash: one to three seconds of a processor. Servers ask for 4,096 to some 100,000."""

_HEADER = "n,,"
"""No binding, and nobody to act for (RFC 5802 §7)."""

_FIRST = re.compile(r"r=([\x21-\x2b\x2d-\x7e]{1,1024}),s=([A-Za-z0-9+/=]{1,1024}),i=([1-9]\d{0,9})(?:,.*)?", re.DOTALL)
_LAST = re.compile(r"v=([A-Za-z0-9+/=]{1,1024})(?:,.*)?", re.DOTALL)


class Scram:
    """One try to sign in by it: what we say, what the server says to it, what we say to that, and its signature."""

    speaks_first = True

    def __init__(self, name: str, username: str, password: str, nonce: str = "") -> None:
        """`password` in the form that it is reckoned with."""
        self.name = name
        self.has_shown = self.is_settled = False
        self._hash = HASHES[name]
        self._password = refuse_breaks("password", password).encode()
        self._nonce = nonce or secrets.token_urlsafe(24)
        user = prepared(refuse_breaks("user name", username)).replace("=", "=3D").replace(",", "=2C")
        self._first = f"n={user},r={self._nonce}"
        self._has_begun = False
        self._signature = b""

    def answer(self, challenge: bytes) -> bytes:
        """The next of our messages.

        Raises:
            Unproven: the server did not take up our number, asks for too much, or its signature is wrong.
        """
        said = challenge.decode(errors="replace")
        if not self._has_begun:
            self._has_begun = True
            return f"{_HEADER}{self._first}".encode()
        if not self.has_shown:
            return self._proof(said)
        if not said.startswith("e="):
            self._check(said)
        return b""  # to what went wrong, too: the refusal itself comes then

    def _proof(self, said: str) -> bytes:
        found = _FIRST.fullmatch(said)
        if found is None:
            raise Unproven(f"The server's challenge is none of {self.name}.")
        nonce, salt, rounds = found[1], _bytes(found[2]), int(found[3])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise Unproven(f"The server's answer ({self.name}) is not to what we said: somebody may be in between.")
        if rounds > MOST_ROUNDS:
            raise Unproven(f"The server wants the password hashed {rounds} times ({self.name}), which is too much.")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, rounds)
        last = f"c={base64.b64encode(_HEADER.encode()).decode()},r={nonce}"
        spoken = f"{self._first},{said},{last}".encode()
        self._signature = self._keyed(self._keyed(salted, b"Server Key"), spoken)
        key = self._keyed(salted, b"Client Key")
        proof = _xor(key, self._keyed(hashlib.new(self._hash, key).digest(), spoken))
        self.has_shown = True
        return f"{last},p={base64.b64encode(proof).decode()}".encode()

    def _check(self, said: str) -> None:
        found = _LAST.fullmatch(said)
        if found is None or not hmac.compare_digest(_bytes(found[1]), self._signature):
            raise Unproven(f"The server did not prove that it knows the password ({self.name}).")
        self.is_settled = True

    def _keyed(self, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, text, self._hash)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unproven("The server's challenge holds what is no base64.") from None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))
