"""How a round trip's probe, or an alert, is known wherever it arrives: a mark that only this outbox can reckon.

Mail with it makes no record. So nobody else may make one: a sender could hide mail from those who read records.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from hmac import compare_digest, digest

HEADER = "X-Postroom-Probe"
"""Carries the mark; some relays replace Message-IDs, few take out a field that they do not know."""

ALERT_HEADER = "X-Postroom-Alert"
"""The same in mail about alerts: in quarantine it would open an alert itself, and each time that is emptied again."""

PROBE, ALERT = "probe", "alert"
"""What a mark is for: that of the one is none of the other."""


def new_mark(secret: bytes, purpose: str = PROBE) -> str:
    """A mark: sixteen letters of chance, and what they reckon to."""
    chance = b32encode(secrets.token_bytes(10)).decode().lower()
    return f"{chance}-{_mac(secret, chance, purpose)}"


def is_mark(secret: bytes | None, text: str | None, purpose: str = PROBE) -> bool:
    """Whether a field's value is a mark of ours for this purpose."""
    if secret is None or not text:
        return False
    chance, dash, mac = text.strip().partition("-")
    return bool(dash) and chance.isascii() and mac.isascii() and compare_digest(_mac(secret, chance, purpose), mac)


def _mac(secret: bytes, chance: str, purpose: str) -> str:
    return b32encode(digest(secret, f"{purpose} {chance}".encode(), "sha256"))[:24].decode().lower()
