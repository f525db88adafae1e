"""The key in a file, and as a systemd credential: who may read it, and how it is written so that none sees half."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from core.data_folder import belong_to_folder, sync_folder
from core.errors import CannotWrite, ExposedFile, SecretUnreadable
from core.failpoints import fp
from core.vault.key import Key, key_from
from core.vault.place import CURRENT, NEXT

CREDENTIAL = "postroom.key"
"""Its name as a systemd credential (`LoadCredential=postroom.key:…`)."""


def credential() -> Path | None:
    """The credential that systemd gave to this service."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path if path is not None and _is_there(path) else None


class FilePlace:
    """A file for the key that holds; `.next` and `.<id>` behind its name for the others."""

    exposing = stat.S_IRWXG | stat.S_IRWXO
    """What others must not be able to do with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def exists(self) -> bool:
        """Whether there is a file, or a folder we may not look into."""
        return _is_there(self.path)

    def refuse_exposed(self) -> None:
        """Refuse a key that anyone but its owner can read, or that another than the service put there.

        Raises:
            ExposedFile: it is such a key.
        """
        self._refuse_exposed(self.path)

    def read(self, slot: str = CURRENT) -> Key | None:
        """The key in a slot.

        Raises:
            ExposedFile: others can read it, or it was put there by another than the service.
            SecretUnreadable: it is not for us to read, or is no key.
        """
        path = self._path(slot)
        self._refuse_exposed(path)
        try:
            return key_from(path.read_bytes(), str(path))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise SecretUnreadable(
                f"The key {path} is not for this user to read. Run this as the service's user, or leave it to a worker "
                "of that user."
            ) from error
        except OSError as error:
            raise SecretUnreadable(
                f"The key {path} cannot be read: {error.strerror}. Put the key there, or set POSTROOM_KEY_FILE."
            ) from error

    def make(self, key: Key, slot: str = CURRENT) -> Key:
        """Put a key into a slot unless one is there.

        Raises:
            CannotWrite: its folder cannot be written.
        """
        path = self._path(slot)
        making = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_synced(making, key.written)
            belong_to_folder(making, is_private=True)
            # A link appears whole or not at all, and never replaces what another process made first.
            with suppress(FileExistsError):
                os.link(making, path)
            making.unlink()
            sync_folder(path.parent)
        except OSError as error:
            raise CannotWrite(f"The key {path} cannot be made: {error.strerror}.") from error
        return self.read(slot) or key

    def promote(self, *, keep_old: bool) -> None:
        """The next key becomes the one that holds.

        Raises:
            CannotWrite: its folder cannot be written.
        """
        old = self.read(CURRENT)
        try:
            if keep_old and old is not None:
                with suppress(FileExistsError):
                    os.link(self.path, self._path(old.id))
                sync_folder(self.path.parent)
            fp("R3")
            with suppress(FileNotFoundError):  # it was promoted already
                self._path(NEXT).rename(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise CannotWrite(f"The key {self.path} cannot be replaced: {error.strerror}.") from error

    def _path(self, slot: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{slot}") if slot else self.path

    def _refuse_exposed(self, path: Path) -> None:
        try:
            found = path.stat()
        except OSError:
            return
        if found.st_mode & self.exposing:
            raise ExposedFile(f"The key {path} can be read by others than the service. Run: chmod 600 {path}")
        if os.access(path, os.R_OK) and found.st_uid not in self._owners():
            raise ExposedFile(
                f"The key {path} belongs to another user than the service and was not used. Put the service's own key "
                f"back, or run: chown {os.geteuid()} {path}"
            )

    def _owners(self) -> set[int]:
        folder = self.path.parent.stat()
        if not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return {0, os.geteuid(), self.path.stat().st_uid}
        # Whoever may write this folder could put a key of their own here and wait for what it seals. Root, though,
        # looks after a service that is another user's: its folder says whose.
        return {0, os.geteuid(), folder.st_uid}


class CredentialPlace(FilePlace):
    """What systemd gave: read here, changed only where systemd takes it from."""

    # systemd gives its credentials to the service by an access list, which shows as bits of the group.
    exposing = stat.S_IRWXO

    def make(self, key: Key, slot: str = CURRENT) -> Key:
        """Not from here."""
        raise CannotWrite(
            "The key is a systemd credential, which is not changed from here. Stop the service, run this as root with "
            "--key-file naming the file that LoadCredential reads, then start the service."
        )

    def promote(self, *, keep_old: bool) -> None:
        """Not from here."""
        raise CannotWrite("The key is a systemd credential, which is not changed from here.")


def _is_there(path: Path) -> bool:
    """Whether something is there, or a folder we may not look into."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
