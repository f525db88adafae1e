"""How a round trip's probe is known wherever it arrives: a mark that only this outbox can reckon.

Mail with it makes no record. So nobody else may make one: a sender could hide mail from those who read records.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from hmac import compare_digest, digest

HEADER = "X-Postroom-Probe"
"""Carries the mark; some relays replace Message-IDs, few take out a field that they do not know."""


def new_mark(secret: bytes) -> str:
    """A mark: sixteen letters of chance, and what they reckon to."""
    chance = b32encode(secrets.token_bytes(10)).decode().lower()
    return f"{chance}-{_mac(secret, chance)}"


def is_mark(secret: bytes | None, text: str | None) -> bool:
    """Whether a field's value is a mark of ours."""
    if secret is None or not text:
        return False
    chance, dash, mac = text.strip().partition("-")
    return bool(dash) and chance.isascii() and mac.isascii() and compare_digest(_mac(secret, chance), mac)


def _mac(secret: bytes, chance: str) -> str:
    return b32encode(digest(secret, b"probe " + chance.encode(), "sha256"))[:24].decode().lower()
