"""Sealing: envelope encryption with AES-256-GCM (NIST SP 800-38D), bound to the place a secret belongs to.

An envelope is `version 1 (1) · key id (8) · nonce (12) · sealed data key (48) · nonce (12) · ciphertext`. Each secret
has a data key of its own, so that no key ever seals much. What `core.vault.box` makes begins with another version.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import SecretUnreadable
from core.vault.key import KEY_BYTES, Key

VERSION = 1
"""The first byte of an envelope."""
_NONCE = 12
_TAG = 16
_HEAD = 1 + 8
_DATA_KEY_ENDS = _HEAD + _NONCE + KEY_BYTES + _TAG
_SHORTEST = _DATA_KEY_ENDS + _NONCE + _TAG


def place_of(kind: str, owner_id: int, field: str) -> str:
    """What a secret is bound to: moved to another row, it does not open."""
    return f"{kind}:{owner_id}:{field}"


def seal(key: Key, place: str, content: bytes) -> bytes:
    """An envelope that opens only with this key and for this place."""
    data_key = os.urandom(KEY_BYTES)
    head = bytes([VERSION]) + bytes.fromhex(key.id)
    return head + _encrypt(key.material, head, place, data_key) + _encrypt(data_key, head, place, content)


def unseal(key: Key, place: str, sealed: bytes) -> bytes:
    """What an envelope holds.

    Raises:
        SecretUnreadable: another key sealed it, or it was changed or moved.
    """
    if len(sealed) < _SHORTEST or sealed[0] != VERSION:
        raise SecretUnreadable(f"The secret {place} has a form that this version does not know. Enter it again.")
    if key_id_of(sealed) != key.id:
        raise SecretUnreadable(
            f"The secret {place} was sealed with the key {key_id_of(sealed)}, but the key here is {key.id}. Put the "
            "right key back, or enter the secret again."
        )
    head = sealed[:_HEAD]
    try:
        data_key = _decrypt(key.material, head, place, sealed[_HEAD:_DATA_KEY_ENDS])
        return _decrypt(data_key, head, place, sealed[_DATA_KEY_ENDS:])
    except InvalidTag as error:
        raise SecretUnreadable(
            f"The secret {place} was changed or moved in the database and does not open. Enter it again."
        ) from error


def key_id_of(sealed: bytes) -> str:
    """The id of the key that sealed an envelope."""
    return sealed[1:_HEAD].hex()


def _encrypt(key: bytes, head: bytes, place: str, content: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, head + place.encode())


def _decrypt(key: bytes, head: bytes, place: str, sealed: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], head + place.encode())
