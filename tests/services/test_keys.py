"""Turning to another key: everything opens before, during and after, whatever is killed; what cannot open is named."""

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import insert_rows, table_of
from core.environment import Environment
from core.errors import BadInput, CannotWrite, NotPermitted, SecretUnreadable
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Alert, Audit, Token, metadata
from core.models import Secret as StoredSecret
from core.secret import Secret
from core.services import keys, requests
from core.services.actor import Actor, Role
from core.vault.owner import Owner
from core.vault.place import NEXT
from core.vault.seal import key_id_of
from core.vault.sealed import SEALED, token_place
from core.workers.upkeep.key_watch import missing_key, refuse_without_key, tell_missing_key
from tests.accounts import ON_SQLITE, rows_of
from tests.cli import forked
from tests.services import worlds

PASSWORD = Secret("kanarienvogel")


def furnish(handles: Handles, admin: Actor) -> int:
    """An account with a password, a token of it, and an order with sealed values; the account's id."""
    account = worlds.add(handles, admin, "account", "support", password=PASSWORD)
    worlds.add(handles, admin, "template", "t")
    requests.ask(handles, admin, "test", "account:support", values={"password": PASSWORD})

    def token(session: Session) -> None:
        sealed = handles.vault.seal(session, token_place(Owner("account", account)), b"token")
        row = Token(kind="account", owner_id=account, key_id=key_id_of(sealed), sealed=sealed)
        insert_rows(session, Token, [row.model_dump()])

    handles.database.writing(token)
    return account


def opened(handles: Handles, environment: Environment | None = None) -> list[str]:
    """All that is sealed, as a process that starts now reads it."""
    fresh = open_gateway(environment or handles.environment)
    try:
        with fresh.database.reading() as session:
            (secret,) = session.connection().execute(select(table_of(StoredSecret))).all()
            (token,) = session.connection().execute(select(table_of(Token))).all()
            (order,) = rows_of(fresh, requests.Request, "id")
            password = fresh.vault.fetch(session, secret.kind, secret.owner_id, secret.field)
            assert password is not None
            return [
                password.reveal(),
                fresh.vault.open(token_place(Owner("account", token.owner_id)), token.sealed).decode(),
                fresh.vault.open_values(order.sealed_values)["password"].reveal(),
            ]
    finally:
        fresh.close()


ALL = ["kanarienvogel", "token", "kanarienvogel"]


def test_everything_that_is_sealed_is_known() -> None:
    sealed = {(str(one.table), one.column) for one in SEALED}

    assert sealed == {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and "sealed" in column.name
    }


def test_all_is_sealed_anew_and_the_old_key_opens_nothing_of_it(handles: Handles, admin: Actor) -> None:
    furnish(handles, admin)
    old, place = handles.vault.key, handles.vault.place
    running = open_gateway(handles.environment)  # as a worker that has read the old key
    assert running.vault.key == old

    turned = keys.rotate(handles, admin)

    assert turned.key_id != old.id
    assert (turned.resealed, turned.left) == (3, ())
    assert place.read() == handles.vault.key
    assert place.read(NEXT) is None
    assert place.read(old.id) == old
    assert opened(handles) == ALL
    with running.database.reading() as session:
        assert running.vault.fetch(session, "account", 1, "password") == PASSWORD
    running.close()
    (line,) = [row for row in rows_of(handles, Audit, "id") if row.verb == "rotate"]
    assert (line.before, line.after["key"]) == ({"key": old.id}, turned.key_id)


@ON_SQLITE
def test_the_old_key_may_go_at_once(handles: Handles, admin: Actor) -> None:
    furnish(handles, admin)
    old = handles.vault.key

    assert keys.rotate(handles, admin, drop_old=True).old_key == ""

    assert handles.vault.place.read(old.id) is None
    assert opened(handles) == ALL


@pytest.mark.parametrize("failpoint", ["R1:kill", "K9:kill", "R2:kill", "R3:kill"])
def test_killed_at_any_point_key_and_database_fit_and_a_second_try_ends_it(
    handles: Handles, admin: Actor, failpoint: str
) -> None:
    furnish(handles, admin)
    environment = handles.environment
    ours = {"POSTROOM_HOME": str(environment.home), "POSTROOM_DATABASE_URL": environment.database_url}
    # K9 is passed by every commit; here only those of the rotation count: claiming the key, then sealing anew.
    armed = failpoint if "K9" not in failpoint else "K9:kill@2"
    code, _, error = forked.run(["key", "rotate"], {**os.environ, **ours, "POSTROOM_FAILPOINT": armed}, b"", 60)
    assert code == -signal.SIGKILL, error

    assert opened(handles) == ALL
    before = handles.vault.key
    second = keys.rotate(handles, admin)

    assert second.was_cut_off == (failpoint in {"R2:kill", "R3:kill"})
    assert second.key_id == handles.vault.key.id != before.id
    assert handles.vault.place.read(NEXT) is None
    assert opened(handles) == ALL


@ON_SQLITE
def test_what_was_tampered_with_is_named_and_left_and_all_else_is_sealed_anew(handles: Handles, admin: Actor) -> None:
    furnish(handles, admin)
    worlds.add(handles, admin, "account", "sales", password=PASSWORD)
    table = table_of(StoredSecret)

    def tamper(session: Session) -> None:
        stolen = select(table.c.sealed).where(table.c.owner_id == 1).scalar_subquery()
        session.connection().execute(update(table).where(table.c.owner_id == 2).values(sealed=stolen))

    handles.database.writing(tamper)
    assert keys.unopened(handles) == ["account sales: password"]

    turned = keys.rotate(handles, admin)

    assert (turned.resealed, turned.left) == (3, ("account sales: password",))
    with handles.database.reading() as session, pytest.raises(SecretUnreadable, match="account:2:password was changed"):
        handles.vault.fetch(session, "account", 2, "password")


def test_another_machine_is_told_which_key_it_needs_and_where_that_is(
    handles: Handles, admin: Actor, tmp_path: Path
) -> None:
    furnish(handles, admin)
    shutil.copytree(handles.environment.home, tmp_path / "other")
    other = open_gateway(
        replace(handles.environment, home=tmp_path / "other", database_url=handles.environment.database_url)
    )
    refuse_without_key(other)

    turned = keys.rotate(handles, admin)

    expected = f"sealed with the key {turned.key_id}, but the key here is .* It was made on .*: {turned.place}"
    with pytest.raises(SecretUnreadable, match=expected):
        refuse_without_key(other)
    with pytest.raises(SecretUnreadable, match=expected):
        other.database.writing(lambda session: other.vault.store(session, "account", 9, "password", PASSWORD))
    tell_missing_key(other, clock.utcnow())
    tell_missing_key(other, clock.utcnow())
    (alert,) = rows_of(handles, Alert, "id")
    assert turned.key_id in alert.text

    shutil.copy(handles.environment.home / "key", tmp_path / "other" / "key")
    refuse_without_key(other)  # without a restart
    tell_missing_key(other, clock.utcnow())
    assert rows_of(handles, Alert, "id")[0].closed_at is not None
    other.close()


@ON_SQLITE
def test_a_database_without_its_key_says_one_sentence_and_loses_nothing(handles: Handles, admin: Actor) -> None:
    account = furnish(handles, admin)
    lost = handles.environment.home / "key"
    old = handles.vault.key
    lost.rename(lost.with_name("elsewhere"))
    restored = open_gateway(handles.environment)

    assert missing_key(restored).startswith(f"There is no key at {lost}, so secrets cannot be opened.")
    assert not lost.exists()

    turned = keys.give_up_lost(restored, admin)

    assert turned.left == ("account support: password", "account support: token", "request 1")
    with restored.database.reading() as session, pytest.raises(SecretUnreadable, match=f"with the key {old.id}"):
        restored.vault.fetch(session, "account", account, "password")
    restored.database.writing(
        lambda session: restored.vault.store(session, "account", account, "password", Secret("anew"))
    )
    refuse_without_key(restored)
    # Found again, and put beside the new one under its id, it opens what it sealed.
    lost.with_name("elsewhere").rename(lost.with_name(f"key.{old.id}"))
    assert keys.unopened(restored) == []
    restored.close()


@ON_SQLITE
def test_a_key_that_is_here_is_not_lost(handles: Handles, admin: Actor) -> None:
    furnish(handles, admin)

    with pytest.raises(BadInput, match="is not lost"):
        keys.give_up_lost(handles, admin)


@ON_SQLITE
def test_only_a_super_security_admin_turns_to_another_key(handles: Handles) -> None:
    with pytest.raises(NotPermitted):
        keys.rotate(handles, Actor("otto", "here", Role.OPERATOR))


@ON_SQLITE
def test_a_credential_is_changed_where_systemd_takes_it_from(
    handles: Handles, admin: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handles.environment.home / "key").rename(tmp_path / "postroom.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(CannotWrite, match="LoadCredential"):
        keys.rotate(handles, admin)


def test_what_is_sealed_meanwhile_is_sealed_with_the_new_key_too(handles: Handles, admin: Actor) -> None:
    furnish(handles, admin)
    others = [open_gateway(handles.environment) for _ in range(2)]
    over = threading.Event()
    stored: dict[str, Any] = {"field": "password", "value": PASSWORD}

    def seal_on(number: int) -> int:
        """As a worker that keeps tokens: it knows nothing of anybody's locks."""
        count, worker = 0, others[number]
        while not count or not over.is_set():
            owner = 1000 * (number + 1) + count
            worker.database.writing(partial(worker.vault.store, kind="account", owner_id=owner, **stored))
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        sealing = [pool.submit(seal_on, number) for number in range(2)]
        try:
            for _ in range(3):
                keys.rotate(handles, admin, drop_old=True)
        finally:
            over.set()
        assert all(one.result() for one in sealing)
    for one in others:
        one.close()

    assert keys.unopened(handles) == []
