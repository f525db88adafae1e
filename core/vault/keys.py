"""The keys of this machine, by their ids: the one that holds, and those that a rotation left for what is older."""

from __future__ import annotations

import re
import threading

from core.environment import Environment
from core.errors import SecretUnreadable
from core.vault.choice import key_place
from core.vault.key import Key, new_key
from core.vault.place import CURRENT, NEXT, KeyPlace

_ID = re.compile("[0-9a-f]{16}")


def find_key(environment: Environment) -> Key:
    """The key that holds here.

    Raises:
        ExposedFile: others can read it.
        SecretUnreadable: it is missing, may not be read by us, or is no key.
    """
    place = key_place(environment)
    key = place.read()
    if key is None:
        raise SecretUnreadable(
            f"There is no key at {place.name}, so secrets cannot be opened. Put the key back, or set "
            "POSTROOM_KEY_FILE; if it is lost for good: postroom key rotate --lost"
        )
    return key


def make_key(environment: Environment) -> None:
    """Make a key unless one is there; of many processes at once one wins, and none sees half a key.

    Raises:
        CannotWrite: its place cannot be written.
    """
    place = key_place(environment)
    if not place.exists():
        place.make(new_key())


class Keys:
    """The keys of this machine; looked for when first needed, and again when one is asked for that is not known."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._current: Key | None = None
        self._known: dict[str, Key] = {}
        self._lock = threading.Lock()

    @property
    def place(self) -> KeyPlace:
        """Where they are."""
        return key_place(self._environment)

    @property
    def current(self) -> Key:
        """The key that holds here.

        Raises:
            ExposedFile: others can read it.
            SecretUnreadable: it is missing or may not be read by us.
        """
        with self._lock:
            if self._current is None:
                self._current = find_key(self._environment)
                self._known[self._current.id] = self._current
            return self._current

    def by_id(self, key_id: str) -> Key | None:
        """The key of an id, if this machine has it: a rotation may have gone by since the keys were read.

        Raises:
            ExposedFile: others can read them.
            SecretUnreadable: they are missing or may not be read by us.
        """
        current = self.current
        with self._lock:
            if key_id not in self._known:
                self._look(key_id)
            if (found := self._known.get(key_id)) is not None:
                return found
        return current if current.id == key_id else None

    def _look(self, key_id: str) -> None:
        if not _ID.fullmatch(key_id):
            return  # it comes from the database, and would become a file's name
        # In the order in which a key moves: one that becomes the key that holds meanwhile is met there.
        for slot in (NEXT, CURRENT, key_id):
            key = self.place.read(slot)
            if key is None:
                continue
            self._known[key.id] = key
            if slot == CURRENT:
                self._current = key
