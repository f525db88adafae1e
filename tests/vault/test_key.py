"""The key: where it is looked for, how it comes to be, who may read it."""

import base64
import multiprocessing
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from core.environment import Environment, read_environment
from core.errors import CannotWrite, ExposedFile, SecretUnreadable
from core.vault.choice import key_place
from core.vault.key import Key, new_key
from core.vault.key_file import FilePlace
from core.vault.keys import Keys, find_key, make_key
from core.vault.place import CURRENT, NEXT


def test_a_made_key_is_found_again_and_readable_by_its_owner_alone(environment: Environment) -> None:
    make_key(environment)

    key = find_key(environment)

    assert len(key.material) == 32
    assert stat.S_IMODE((environment.home / "key").stat().st_mode) == 0o600
    assert find_key(environment) == key


def test_making_a_key_never_replaces_one(environment: Environment) -> None:
    make_key(environment)
    before = find_key(environment)

    make_key(environment)

    assert find_key(environment) == before


def test_a_key_does_not_show_in_its_repr(environment: Environment) -> None:
    make_key(environment)
    key = find_key(environment)

    assert repr(key.material) not in repr(key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    environment: Environment, mode: int
) -> None:
    make_key(environment)
    path = environment.home / "key"
    path.chmod(mode)

    with pytest.raises(ExposedFile, match=f"chmod 600 {path}"):
        find_key(environment)


@pytest.mark.parametrize(
    "content",
    [b"", b"not base64!", base64.b64encode(b"too short"), base64.b64encode(b"x" * 33)],
    ids=["empty", "no base64", "short", "long"],
)
def test_what_is_no_key_is_said_to_be_none(environment: Environment, content: bytes) -> None:
    environment.home.mkdir()
    path = environment.home / "key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(SecretUnreadable, match="is no key"):
        find_key(environment)


def test_a_missing_key_is_named_with_its_path(environment: Environment) -> None:
    with pytest.raises(SecretUnreadable, match=str(environment.home / "key")):
        find_key(environment)


def test_a_key_that_begins_to_hold_while_it_is_looked_for_is_found(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(environment)
    keys = Keys(environment)
    assert keys.current == find_key(environment)
    coming = key_place(environment).make(new_key(), NEXT)
    read = FilePlace.read

    def promoting(self: FilePlace, slot: str = CURRENT) -> Key | None:
        found = read(self, slot)
        monkeypatch.setattr(FilePlace, "read", read)
        self.promote(keep_old=False)
        return found

    monkeypatch.setattr(FilePlace, "read", promoting)

    assert keys.by_id(coming.id) == coming


def test_a_named_key_file_beats_the_credential_and_the_credential_beats_the_home(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    credential = credentials / "postroom.key"
    credential.write_bytes(base64.b64encode(b"c" * 32))
    credential.chmod(0o440)  # as systemd gives it: the service reads it by an access list
    named = replace(environment, key_file=tmp_path / "named.key")

    assert key_place(environment).name == str(environment.home / "key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert key_place(environment).name == str(credential)
    assert find_key(environment).material == b"c" * 32
    assert key_place(named).name == str(tmp_path / "named.key")
    # A unit may name the credential itself, where the machine's file names the key that the credential is a copy of.
    assert find_key(replace(environment, key_file=credential)).material == b"c" * 32


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CannotWrite, match="cannot be made"):
        make_key(read_environment({}, home=str(tmp_path / "file" / "home")))


def test_twenty_processes_at_once_get_one_key(environment: Environment) -> None:
    context = multiprocessing.get_context("fork")
    with context.Pool(20) as pool:
        ids = pool.map(_made, [environment] * 20)

    assert len(set(ids)) == 1
    assert [path.name for path in environment.home.iterdir()] == ["key"]


def _made(environment: Environment) -> str:
    make_key(environment)
    return find_key(environment).id
