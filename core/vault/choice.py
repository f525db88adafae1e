"""Which of the places holds the key: the environment says it."""

from __future__ import annotations

from core.environment import Environment
from core.vault.key_file import CredentialPlace, FilePlace, credential
from core.vault.place import KeyPlace


def key_place(environment: Environment) -> KeyPlace:
    """Where the key is, or would be made: flag or `POSTROOM_KEY_FILE`, a systemd credential, the home."""
    if environment.keyring is not None:
        from core.vault.key_ring import KeyringPlace

        return KeyringPlace(environment.keyring or str(environment.home), environment.home)
    given = credential()
    if environment.key_file is not None and environment.key_file != given:
        return FilePlace(environment.key_file)
    return CredentialPlace(given) if given is not None else FilePlace(environment.home / "key")
