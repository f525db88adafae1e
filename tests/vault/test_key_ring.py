"""The key in a keyring: a real one, those that are refused, and those that lie."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.environment import Environment, read_environment
from core.errors import CannotWrite, ConfigurationError, SecretUnreadable
from core.vault import key_ring
from core.vault.choice import key_place
from core.vault.key import new_key
from core.vault.key_ring import KeyringPlace, allowed_keyring
from core.vault.place import NEXT
from tests.servers.keyring_session import KeyringSession
from tests.waiting import PATIENCE

COMMAND = (sys.executable, "-m", "tui.cli")


class Keeping:
    """A keyring that keeps what it is given."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[username]


class Forgetting(Keeping):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Lying(Keeping):
    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(username) and "something else"


class ForgettingTheKey(Keeping):
    """Passes the probe and loses what counts."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if "probe" in username:
            super().set_password(service, username, password)


class Raising(Keeping):
    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("no bus")


@pytest.mark.parametrize(
    ("backend", "told"),
    [(Forgetting(), "forgets what it is given"), (Lying(), "something else"), (ForgettingTheKey(), "did not keep")],
)
def test_a_keyring_that_forgets_or_lies_gets_no_key(backend: Keeping, told: str, tmp_path: Path) -> None:
    place = KeyringPlace("home", tmp_path, backend)

    # One that lies about everything shows itself at the first look, before anything is written.
    with pytest.raises((CannotWrite, SecretUnreadable), match=told):
        place.make(new_key())


def test_a_keyring_that_fails_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SecretUnreadable, match=r"refused \(OSError: no bus\).*Use a key file"):
        KeyringPlace("home", tmp_path, Raising()).read()


def test_a_keyring_that_asks_on_a_screen_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    dismissed = threading.Event()

    class Asking(Keeping):
        def get_password(self, service: str, username: str) -> str | None:
            dismissed.wait(PATIENCE)
            return None

    monkeypatch.setattr(key_ring, "PATIENCE", 0.05)
    with pytest.raises(SecretUnreadable, match="is it locked"):
        KeyringPlace("home", tmp_path, Asking()).read()
    dismissed.set()


def test_keys_are_made_once_and_turned_over(tmp_path: Path) -> None:
    place = KeyringPlace("home", tmp_path, Keeping())
    first = place.make(new_key())

    assert place.make(new_key()) == first
    second = place.make(new_key(), NEXT)
    place.promote(keep_old=True)

    assert place.read() == second
    assert place.read(first.id) == first
    assert place.read(NEXT) is None


def _named(name: str, **attributes: object) -> object:
    module, _, qualname = name.rpartition(".")
    return type(qualname, (Keeping,), {"__module__": module, **attributes})()


@pytest.mark.parametrize(
    "name",
    ["keyrings.alt.file.PlaintextKeyring", "keyrings.alt.file.EncryptedKeyring", "keyring.backends.null.Keyring"],
)
def test_a_keyring_that_is_not_on_the_list_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}, which is not trusted"):
        allowed_keyring(_named(name))


def test_of_a_chain_an_allowed_part_is_taken_itself() -> None:
    plain = _named("keyrings.alt.file.PlaintextKeyring")
    good = _named("keyring.backends.SecretService.Keyring")

    assert allowed_keyring(_named("keyring.backends.chainer.ChainerBackend", backends=[plain, good])) is good
    with pytest.raises(ConfigurationError, match="PlaintextKeyring"):
        allowed_keyring(_named("keyring.backends.chainer.ChainerBackend", backends=[plain]))


def test_no_keyring_at_all_is_said_in_words() -> None:
    with pytest.raises(ConfigurationError, match="There is no keyring in this session"):
        allowed_keyring(_named("keyring.backends.fail.Keyring"))


@pytest.mark.parametrize("setting", ["keyring:", "keyring"])
def test_the_key_file_setting_chooses_a_keyring(setting: str) -> None:
    unnamed = read_environment({"POSTROOM_HOME": "/srv/postroom", "POSTROOM_KEY_FILE": setting})
    named = read_environment({"POSTROOM_HOME": "/srv/postroom"}, key_file="keyring:mail01")

    assert key_place(unnamed).name == "keyring entry postroom//srv/postroom"
    assert key_place(named).name == "keyring entry postroom/mail01"
    assert (unnamed.key_setting, named.key_setting) == ("keyring:", "keyring:mail01")


def test_a_real_keyring_keeps_the_key_from_one_session_to_the_next(environment: Environment, tmp_path: Path) -> None:
    session = KeyringSession(tmp_path / "person")
    ours = {"POSTROOM_HOME": str(environment.home), "POSTROOM_KEY_FILE": "keyring:"}
    add = "from core.environment import read_environment as r; from core.gateway import open_gateway as o\n"
    add += "from core.secret import Secret\nh = o(r())\n"
    store = add + "h.database.writing(lambda s: h.vault.store(s, 'account', 1, 'password', Secret('kanarienvogel')))"
    fetch = add + "print(h.database.writing(lambda s: h.vault.fetch(s, 'account', 1, 'password')).reveal())"

    stored = session.run(sys.executable, "-c", store, **ours)
    assert stored.returncode == 0, stored.stderr
    fetched = session.run(sys.executable, "-c", fetch, **ours)
    assert fetched.stdout == "kanarienvogel\n", fetched.stderr

    assert not (environment.home / "key").exists()
    with closing(sqlite3.connect(environment.database_file)) as database, database:
        assert database.execute("SELECT count(*) FROM secret WHERE key_id != ''").fetchone() == (1,)
    # Another session, in which nobody unlocked a keyring, has no key and makes none.
    lacking = KeyringSession(tmp_path / "stranger").run(sys.executable, "-c", fetch, **ours)
    assert lacking.returncode == 1
    assert "SecretUnreadable: There is no key at keyring entry" in lacking.stderr


def test_without_a_session_bus_the_first_start_says_so_and_writes_no_plain_key(
    environment: Environment, tmp_path: Path
) -> None:
    import os
    import subprocess

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POSTROOM_", "DBUS_"))}
    ours = {"POSTROOM_HOME": str(environment.home), "POSTROOM_KEY_FILE": "keyring:", "HOME": "/nonexistent"}
    ended = subprocess.run(
        [*COMMAND, "list", "queue"], env={**kept, **ours, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip

    assert ended.returncode == 78
    assert ended.stderr.startswith("postroom: There is no keyring in this session. Use a key file")
    assert not list(environment.home.glob("key*"))
