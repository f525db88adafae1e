"""The vault on both engines: what it keeps, what it refers to, and what it will not open."""

import os
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import ExposedFile, SecretUnreadable
from core.handles import Handles
from core.models import Secret as StoredSecret
from core.secret import Secret
from core.vault.keys import make_key
from core.vault.owner import login_owner
from core.vault.ref import Ref
from core.vault.vault import Vault


def _store(handles: Handles, value: Secret | Ref, owner: int = 1) -> None:
    handles.database.writing(lambda session: handles.vault.store(session, "account", owner, "password", value))


def _fetch(handles: Handles, owner: int = 1, vault: Vault | None = None) -> Secret | None:
    with handles.database.reading() as session:
        return (vault or handles.vault).fetch(session, "account", owner, "password")


def test_a_stored_secret_comes_back(handles: Handles) -> None:
    _store(handles, Secret("pässword"))

    assert _fetch(handles) == Secret("pässword")


def test_storing_again_replaces(handles: Handles) -> None:
    _store(handles, Secret("old"))
    _store(handles, Secret("new"))

    assert _fetch(handles) == Secret("new")


def test_what_was_never_stored_is_none(handles: Handles) -> None:
    assert _fetch(handles, 99) is None


def test_a_forgotten_secret_is_gone_and_no_other(handles: Handles) -> None:
    _store(handles, Secret("one"), 1)
    _store(handles, Secret("two"), 2)

    handles.database.writing(lambda session: handles.vault.forget(session, "account", 1))

    assert _fetch(handles, 1) is None
    assert _fetch(handles, 2) == Secret("two")


def test_the_secret_stands_nowhere_in_the_database(handles: Handles) -> None:
    _store(handles, Secret("kanarienvogel"))

    with handles.database.reading() as session:
        row = session.get(StoredSecret, ("account", 1, "password"))
    assert row is not None
    assert b"kanarienvogel" not in (row.sealed or b"")


def test_a_ciphertext_moved_to_another_row_does_not_open(handles: Handles) -> None:
    _store(handles, Secret("admin's"), 1)
    _store(handles, Secret("mine"), 2)

    def swap(session: Session) -> None:
        table = table_of(StoredSecret)
        row = session.get(StoredSecret, ("account", 1, "password"))
        assert row is not None
        session.connection().execute(update(table).where(table.c.owner_id == 2).values(sealed=row.sealed))

    handles.database.writing(swap)

    with pytest.raises(SecretUnreadable, match="account:2:password was changed or moved"):
        _fetch(handles, 2)


def test_a_reference_is_read_at_each_use(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    _store(handles, Ref("env:POSTROOM_TEST_SECRET"))

    monkeypatch.setenv("POSTROOM_TEST_SECRET", "first")
    assert _fetch(handles) == Secret("first")
    monkeypatch.setenv("POSTROOM_TEST_SECRET", "second")
    assert _fetch(handles) == Secret("second")


def test_a_reference_to_a_file_loses_its_line_break(handles: Handles, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    _store(handles, Ref(f"file:{file}"))

    assert _fetch(handles) == Secret("from a file")


@pytest.mark.parametrize("place", ["env:POSTROOM_NOT_SET", "file:/nowhere/at/all"])
def test_a_reference_that_cannot_be_read_is_named(handles: Handles, place: str) -> None:
    _store(handles, Ref(place))

    with pytest.raises(SecretUnreadable, match=place.partition(":")[2]):
        _fetch(handles)


def test_a_key_of_another_machine_is_refused_before_it_seals_anything(handles: Handles, tmp_path: Path) -> None:
    _store(handles, Secret("first"))
    other = handles.environment.__class__(tmp_path / "other", handles.environment.database_url, tmp_path / "drop")
    make_key(other)
    stranger = Vault(other)

    with pytest.raises(SecretUnreadable, match="but the key here is"):
        handles.database.writing(lambda session: stranger.store(session, "account", 2, "password", Secret("x")))
    with pytest.raises(SecretUnreadable, match="was sealed with the key"):
        _fetch(handles, 1, stranger)
    assert _fetch(handles, 2) is None


def test_who_lacks_the_key_is_told_so_without_an_error(handles: Handles) -> None:
    assert handles.vault.can_open()
    (handles.environment.home / "key").unlink()

    assert not Vault(handles.environment).can_open()


def test_an_exposed_key_is_no_mere_lack(handles: Handles) -> None:
    (handles.environment.home / "key").chmod(0o644)

    with pytest.raises(ExposedFile):
        Vault(handles.environment).can_open()


def test_values_of_a_request_travel_sealed(handles: Handles) -> None:
    values = {"host": "imap.example.org", "password": Secret("kanarienvogel"), "port": 993, "folders": ["INBOX"]}

    sealed = handles.database.writing(lambda session: handles.vault.seal_values(session, values))

    assert b"kanarienvogel" not in sealed
    assert b"imap.example.org" not in sealed
    assert handles.vault.open_values(sealed) == values


def test_an_inbox_signs_in_as_its_mailbox() -> None:
    assert login_owner(3, None) == ("account", 3)
    assert login_owner(3, 8) == ("mailbox", 8)


def test_a_secret_shows_nowhere() -> None:
    secret = Secret("kanarienvogel")

    assert "kanarienvogel" not in f"{secret} {secret!r} {[secret]} {os.fsencode(str(secret))!r}"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)
