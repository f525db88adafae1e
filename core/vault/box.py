"""Sealing for who lacks the key: with its public half, so that only who has the key opens it.

X25519 (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM; as HPKE (RFC 9180) does it, in the form of our envelopes:
`version 2 (1) · key id (8) · public key of the sender, used once (32) · nonce (12) · ciphertext`.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import SecretUnreadable
from core.vault.key import KEY_BYTES, Key

VERSION = 2
"""The first byte of what is sealed for the public half."""
_NONCE = 12
_HEAD = 1 + 8
_SENDER_ENDS = _HEAD + 32
_SHORTEST = _SENDER_ENDS + _NONCE + 16


@dataclass(frozen=True)
class PublicKey:
    """What anyone may have: seals for one key."""

    key_id: str
    """The id of the key that opens."""
    material: bytes

    @property
    def written(self) -> str:
        """As it is kept: `key id:base64`."""
        return f"{self.key_id}:{base64.b64encode(self.material).decode()}"


def public_key_of(key: Key) -> PublicKey:
    """The public half: derived, so that it is the same on every machine that has the key."""
    return PublicKey(key.id, _private(key).public_key().public_bytes_raw())


def public_key_from(text: str) -> PublicKey | None:
    """The public key that was kept; none if this is none."""
    key_id, _, encoded = text.partition(":")
    try:
        material = base64.b64decode(encoded, validate=True)
        return PublicKey(bytes.fromhex(key_id).hex(), material) if len(material) == 32 and len(key_id) == 16 else None
    except (binascii.Error, ValueError):
        return None


def seal_for(public: PublicKey, place: str, content: bytes) -> bytes:
    """An envelope that opens only with the key this is the public half of, and for this place."""
    once = X25519PrivateKey.generate()
    sender, head = once.public_key().public_bytes_raw(), bytes([VERSION]) + bytes.fromhex(public.key_id)
    shared = once.exchange(X25519PublicKey.from_public_bytes(public.material))
    nonce = os.urandom(_NONCE)
    ciphertext = AESGCM(_derived(shared, sender + public.material)).encrypt(nonce, content, head + place.encode())
    return head + sender + nonce + ciphertext


def open_box(key: Key, place: str, sealed: bytes) -> bytes:
    """What an envelope holds that was sealed without the key.

    Raises:
        SecretUnreadable: it was changed or moved.
    """
    if len(sealed) < _SHORTEST:
        raise SecretUnreadable(f"The secret {place} has a form that this version does not know. Enter it again.")
    sender, nonce = sealed[_HEAD:_SENDER_ENDS], sealed[_SENDER_ENDS : _SENDER_ENDS + _NONCE]
    try:
        shared = _private(key).exchange(X25519PublicKey.from_public_bytes(sender))
        one_time = _derived(shared, sender + public_key_of(key).material)
        return AESGCM(one_time).decrypt(nonce, sealed[_SENDER_ENDS + _NONCE :], sealed[:_HEAD] + place.encode())
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable(
            f"The secret {place} was changed or moved in the database and does not open. Enter it again."
        ) from error


def is_box(sealed: bytes) -> bool:
    """Whether an envelope was sealed without the key."""
    return sealed[:1] == bytes([VERSION])


def _private(key: Key) -> X25519PrivateKey:
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"postroom sealed box").derive(key.material)
    return X25519PrivateKey.from_private_bytes(derived)


def _derived(shared: bytes, both: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=both, info=b"postroom sealed box content").derive(shared)
