"""The key in the system's keyring: only in one that keeps it encrypted and gives it back, and never by surprise."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.data_folder import opened_file
from core.errors import CannotWrite, ConfigurationError, SecretUnreadable
from core.vault.key import Key, key_from, new_key
from core.vault.place import CURRENT, NEXT

T = TypeVar("T")

SERVICE = "postroom"
"""Under which the keyring keeps our entries."""

ALLOWED = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
    }
)
"""The keyrings that encrypt what they hold. Any other is refused: where one in plain text is installed, it is chosen
silently."""

PATIENCE = 20.0
"""Seconds a keyring has to answer: one that is locked asks on a screen that a service does not have."""

_MEND = "Use a key file instead (unset POSTROOM_KEY_FILE), or unlock a keyring in this session."


class Backend(Protocol):
    """What we use of a keyring."""

    def get_password(self, service: str, username: str) -> str | None:
        """The text of an entry."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an entry."""

    def delete_password(self, service: str, username: str) -> None:
        """Remove an entry."""


def allowed_keyring(backend: Any) -> Backend:
    """The keyring to use of what the system offers.

    A chain writes to the first of its parts that takes it, plain text too: of a chain an allowed part is taken itself.

    Raises:
        ConfigurationError: none is allowed; the text names what there is.
    """
    parts = getattr(backend, "backends", None) if _name_of(backend).endswith("ChainerBackend") else None
    candidates = list(parts) if parts is not None else [backend]
    found = next((one for one in candidates if _name_of(one) in ALLOWED), None)
    if found is None:
        there = ", ".join(_name_of(one) for one in candidates) or "an empty chain"
        if there == "keyring.backends.fail.Keyring":
            raise ConfigurationError(f"There is no keyring in this session. {_MEND}")
        raise ConfigurationError(f"The keyring here is {there}, which is not trusted with the key. {_MEND}")
    kept: Backend = found
    return kept


class KeyringPlace:
    """Entries of the system's keyring: the name alone for the key that holds, `name.next`, `name.<id>`."""

    def __init__(self, entry: str, home: Path, backend: Backend | None = None) -> None:
        self._entry = entry
        self._home = home
        self._given = backend

    @property
    def name(self) -> str:
        """How a person finds it in the keyring."""
        return f"keyring entry {SERVICE}/{self._entry}"

    def exists(self) -> bool:
        """Whether there is an entry."""
        return self._get(self._entry) is not None

    def refuse_exposed(self) -> None:
        """The keyring itself keeps others away."""

    def read(self, slot: str = CURRENT) -> Key | None:
        """The key in a slot."""
        text = self._get(self._user(slot))
        return None if text is None else key_from(text.encode(), f"The {self.name}")

    def make(self, key: Key, slot: str = CURRENT) -> Key:
        """Put a key into a slot unless one is there, once the keyring has shown that it keeps what it is given."""
        with _one_at_a_time(self._home):
            there = self.read(slot)
            if there is not None:
                return there
            self.probe()
            self._put(slot, key)
        return key

    def promote(self, *, keep_old: bool) -> None:
        """The next key becomes the one that holds."""
        with _one_at_a_time(self._home):
            old, coming = self.read(CURRENT), self.read(NEXT)
            if coming is None:
                return
            if old is not None and keep_old:
                self._put(old.id, old)
            self._put(CURRENT, coming)
            self._delete(self._user(NEXT))

    def probe(self) -> None:
        """Write something, read it back, remove it.

        Raises:
            CannotWrite: the keyring forgets, or gives back something else.
        """
        user, text = f"{self._entry}.probe.{os.getpid()}", new_key().written.decode()
        self._set(user, text)
        got = self._get(user)
        if got != text:
            what = "forgets what it is given" if got is None else "gives back something else than it was given"
            raise CannotWrite(f"The keyring of this session {what}, so the key was not put there. {_MEND}")
        self._delete(user)

    def _put(self, slot: str, key: Key) -> None:
        self._set(self._user(slot), key.written.decode())
        if self.read(slot) != key:
            raise CannotWrite(f"The keyring did not keep the key ({self.name}). {_MEND}")

    def _user(self, slot: str) -> str:
        return f"{self._entry}.{slot}" if slot else self._entry

    def _get(self, user: str) -> str | None:
        return self._asked(lambda keyring: keyring.get_password(SERVICE, user))

    def _set(self, user: str, text: str) -> None:
        self._asked(lambda keyring: keyring.set_password(SERVICE, user, text))

    def _delete(self, user: str) -> None:
        self._asked(lambda keyring: keyring.delete_password(SERVICE, user))

    def _asked(self, work: Callable[[Backend], T]) -> T:
        def ask() -> T:
            if self._given is not None:
                return work(self._given)
            # Late: it costs a quarter of a second, and few keep their key so.
            import keyring

            return work(allowed_keyring(keyring.get_keyring()))

        return _within(PATIENCE, ask)


class _one_at_a_time:  # noqa: N801 - read as a phrase
    """A keyring has no "unless it is there": who makes or turns keys of one home does it alone."""

    def __init__(self, home: Path) -> None:
        self._path = home / ".key.lock"

    def __enter__(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.fdopen(opened_file(self._path, os.O_WRONLY | os.O_CREAT), "w")
        except OSError as error:
            raise CannotWrite(f"The data folder {self._path.parent} cannot be written: {error.strerror}.") from error
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _within(seconds: float, work: Callable[[], T]) -> T:
    result: list[T] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            result.append(work())
        except Exception as error:  # noqa: BLE001 - D-Bus, each backend: whatever it is goes to the one who waits
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="keyring")
    thread.start()
    thread.join(seconds)
    if failure:
        error = failure[0]
        if isinstance(error, ConfigurationError):
            raise error
        raise SecretUnreadable(f"The keyring refused ({type(error).__name__}: {error}). {_MEND}") from error
    if thread.is_alive():
        raise SecretUnreadable(f"The keyring did not answer within {seconds:.0f} seconds; is it locked? {_MEND}")
    return result[0]


def _name_of(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"
