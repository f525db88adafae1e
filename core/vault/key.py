"""The key that opens secrets: where it is looked for, how it is made, who may read it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.environment import Environment
from core.errors import CannotWrite, ExposedFile, SecretUnreadable

KEY_BYTES = 32
"""AES-256."""

CREDENTIAL = "postroom.key"
"""Its name as a systemd credential (`LoadCredential=postroom.key:…`)."""


@dataclass(frozen=True)
class Key:
    """A master key; its id stands beside everything it sealed."""

    id: str
    """Sixteen hexadecimal digits, derived from the key, so that a wrong key is told from tampering."""
    material: bytes = field(repr=False)


def key_path(environment: Environment) -> Path:
    """Where the key is, or would be made: flag or `POSTROOM_KEY_FILE`, a systemd credential, the home."""
    if environment.key_file is not None:
        return environment.key_file
    credential = _credential()
    return credential if credential is not None else environment.home / "key"


def find_key(environment: Environment) -> Key:
    """The key.

    Raises:
        ExposedFile: others can read it.
        SecretUnreadable: it is missing, may not be read by us, or is no key.
    """
    path = key_path(environment)
    refuse_exposed(path)
    try:
        return _key_from(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise SecretUnreadable(
            f"There is no key at {path}, so secrets cannot be opened. Put the key back, or set POSTROOM_KEY_FILE."
        ) from error
    except OSError as error:
        raise SecretUnreadable(
            f"The key {path} cannot be read: {error.strerror}. A worker that may can help."
        ) from error


def refuse_exposed(path: Path) -> None:
    """Refuse a key that anyone but its owner can read.

    Raises:
        ExposedFile: the text holds the command that mends it.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    # systemd gives its credentials to the service by an access list, which shows as bits of the group.
    exposing = stat.S_IRWXO if path == _credential() else stat.S_IRWXG | stat.S_IRWXO
    if mode & exposing:
        raise ExposedFile(f"The key {path} can be read by others than the service. Run: chmod 600 {path}")


def make_key(environment: Environment) -> None:
    """Make a key unless one is there; of many processes at once one wins, and none sees half a key.

    Raises:
        CannotWrite: its folder cannot be written.
    """
    path = key_path(environment)
    if path.exists() or path == _credential():
        return
    making = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_synced(making, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
        # A link appears whole or not at all, and never replaces what another process made first.
        with suppress(FileExistsError):
            os.link(making, path)
        making.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise CannotWrite(f"The key {path} cannot be made: {error.strerror}.") from error


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path if path is not None and path.exists() else None


def _key_from(content: bytes, path: Path) -> Key:
    try:
        material = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        material = b""
    if len(material) != KEY_BYTES:
        raise SecretUnreadable(f"{path} is no key of Postroom: it holds {KEY_BYTES} random bytes in base64.")
    return Key(hashlib.sha256(b"postroom key id" + material).hexdigest()[:16], material)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
