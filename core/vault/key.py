"""The key that opens secrets: 32 random bytes, written in base64, known by an id."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field

from core.errors import SecretUnreadable

KEY_BYTES = 32
"""AES-256."""


@dataclass(frozen=True)
class Key:
    """A master key; its id stands beside everything it sealed."""

    id: str
    """Sixteen hexadecimal digits, derived from the key, so that a wrong key is told from tampering."""
    material: bytes = field(repr=False)

    @property
    def written(self) -> bytes:
        """As it is kept in its place."""
        return base64.b64encode(self.material) + b"\n"


def new_key() -> Key:
    """A key that nobody has had before."""
    return _key_of(os.urandom(KEY_BYTES))


def key_from(content: bytes, where: str) -> Key:
    """The key that was written somewhere.

    Raises:
        SecretUnreadable: it is none.
    """
    try:
        material = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        material = b""
    if len(material) != KEY_BYTES:
        raise SecretUnreadable(f"{where} is no key of Postroom: it holds {KEY_BYTES} random bytes in base64.")
    return _key_of(material)


def _key_of(material: bytes) -> Key:
    return Key(hashlib.sha256(b"postroom key id" + material).hexdigest()[:16], material)
