"""Where the key is kept: a file, a systemd credential, a keyring.

A place has slots: the key that holds, the next one while a rotation is on its way, and those that were replaced, by
their ids, for what an old backup holds.
"""

from __future__ import annotations

from typing import Protocol

from core.vault.key import Key

CURRENT = ""
"""The slot of the key that holds."""

NEXT = "next"
"""The slot of the key that is to hold once everything is sealed with it."""


class KeyPlace(Protocol):
    """A place for keys. A slot is `CURRENT`, `NEXT` or the id of a key that was replaced."""

    @property
    def name(self) -> str:
        """What a person calls it: a path, an entry of the keyring."""

    def exists(self) -> bool:
        """Whether a key is there, whoever may read it."""

    def refuse_exposed(self) -> None:
        """Refuse a place that others can read.

        Raises:
            ExposedFile: the text holds the command that mends it.
        """

    def read(self, slot: str = CURRENT) -> Key | None:
        """The key in a slot; none is there.

        Raises:
            ExposedFile: others can read it.
            SecretUnreadable: it may not be read by us, or it is no key.
        """

    def make(self, key: Key, slot: str = CURRENT) -> Key:
        """Put a key into a slot unless one is there; the one that is there then. Of many at once one wins.

        Raises:
            CannotWrite: the place takes none.
        """

    def promote(self, *, keep_old: bool) -> None:
        """The next key becomes the one that holds; the one before stays under its id, or goes.

        May be cut off and called again at any point: some slot holds each key until all is done.

        Raises:
            CannotWrite: the place takes none.
        """
