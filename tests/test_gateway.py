"""The first start, the second, and twenty at once."""

import multiprocessing
import os
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlmodel import Session, col, delete, select

from core.db import file_system
from core.environment import Environment, read_environment
from core.errors import CannotWrite, ExposedFile, NotPermitted, SecretUnreadable
from core.gateway import _claim_key, make_drop_folder, open_gateway
from core.handles import Handles
from core.models import Queue, Setting, Template
from core.secret import Secret
from core.services.actor import Actor, Role, current_actor
from core.services.configuration.templates import templates
from core.services.doctor.examination import Level, examine
from core.system_users import this_user
from core.vault.vault import KEY_HOME, KEY_ID, PUBLIC_KEY
from tests.waiting import PATIENCE, until


def _names(handles: Handles, model: type[Queue | Template]) -> list[str]:
    with handles.database.reading() as session:
        return sorted(row.name for row in session.exec(select(model)) if row.deleted_at is None)


def test_the_first_start_ships_five_templates_and_three_queues(handles: Handles) -> None:
    assert _names(handles, Queue) == ["Junk", "Postmaster", "Raw"]
    assert _names(handles, Template) == [
        "Brevo (Sendinblue) SMTP Relay",
        "Gmail SMTP Relay",
        "Migrated from previous version",
        "Office 365 SMTP Relay",
        "SendGrid SMTP Relay",
    ]


@pytest.mark.parametrize(
    ("name", "smtp", "incoming"),
    [
        ("Gmail SMTP Relay", "smtp.gmail.com", "imap.gmail.com"),
        ("Office 365 SMTP Relay", "smtp.office365.com", "outlook.office365.com"),
        ("SendGrid SMTP Relay", "smtp.sendgrid.net", ""),
        ("Brevo (Sendinblue) SMTP Relay", "smtp-relay.brevo.com", ""),
        ("Migrated from previous version", "", ""),
    ],
)
def test_shipped_templates_know_their_servers(handles: Handles, name: str, smtp: str, incoming: str) -> None:
    with handles.database.reading() as session:
        row = session.exec(select(Template).where(Template.name == name)).one()

    assert (row.smtp_host, row.incoming_host) == (smtp, incoming)
    assert (row.smtp_port, row.smtp_security, row.incoming_type) == (587, "starttls", "IMAPS")


def test_a_deleted_template_stays_deleted_over_the_next_start(handles: Handles, admin: Actor) -> None:
    templates.delete(handles, admin, "Gmail SMTP Relay")

    second = open_gateway(handles.environment)
    names = _names(second, Template)
    second.close()

    assert "Gmail SMTP Relay" not in names
    assert len(names) == 4


def test_the_home_is_for_its_owner_alone(environment: Environment) -> None:
    previous = os.umask(0)
    try:
        open_gateway(environment).close()
    finally:
        os.umask(previous)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in environment.home.iterdir() if path.is_file()}
    assert stat.S_IMODE(environment.home.stat().st_mode) == 0o700
    assert modes["key"] == 0o600
    assert modes["postroom.db"] == 0o600


def test_others_may_write_into_the_drop_folder_of_root_and_not_read_it(tmp_path: Path) -> None:
    make_drop_folder(tmp_path / "drop")

    expected = 0o1733 if os.geteuid() == 0 else 0o700
    assert stat.S_IMODE((tmp_path / "drop").stat().st_mode) == expected


def test_a_drop_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir(mode=0o750)

    make_drop_folder(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_an_exposed_key_stops_the_start(environment: Environment) -> None:
    open_gateway(environment).close()
    (environment.home / "key").chmod(0o644)

    with pytest.raises(ExposedFile, match="chmod 600"):
        open_gateway(environment)


def test_an_exposed_database_stops_the_start(environment: Environment) -> None:
    open_gateway(environment).close()
    environment.database_file.chmod(0o604)

    with pytest.raises(ExposedFile, match="chmod o="):
        open_gateway(environment)


def test_a_lost_key_is_not_replaced_while_secrets_need_it(handles: Handles) -> None:
    handles.database.writing(lambda session: handles.vault.store(session, "account", 1, "password", Secret("x")))
    (handles.environment.home / "key").unlink()

    second = open_gateway(handles.environment)
    assert not (handles.environment.home / "key").exists()
    assert not second.vault.can_open()
    with second.database.reading() as session, pytest.raises(SecretUnreadable, match="There is no key"):
        second.vault.fetch(session, "account", 1, "password")
    second.close()


def test_a_lost_key_is_made_anew_while_nothing_needs_it(handles: Handles) -> None:
    (handles.environment.home / "key").unlink()

    second = open_gateway(handles.environment)
    assert second.vault.can_open()
    second.close()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CannotWrite, match="POSTROOM_HOME"):
        open_gateway(read_environment({}, home=str(tmp_path / "file" / "home")))


def test_a_home_on_a_read_only_file_system_is_told_as_that(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To mount one a test would have to be root: what the system says of it is put into its mouth."""
    open_gateway(environment).close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))

    with pytest.raises(CannotWrite, match="is read-only"):
        open_gateway(environment)


def test_a_home_that_was_closed_to_its_owner_is_told_with_the_command_that_opens_it(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_gateway(environment).close()
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(NotPermitted, match=f"chmod u.rwx {environment.home}"):
        open_gateway(environment)
    findings = {one.check: one for one in examine(environment, lambda: open_gateway(environment))}
    assert (findings["home"].level, f"chmod u+rwx {environment.home}" in findings["home"].text) == (Level.ERROR, True)


def test_a_database_on_a_network_file_system_is_refused(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nfiler:/homes {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(file_system, "_MOUNTS", mounts)

    with pytest.raises(CannotWrite, match=r"network file system \(nfs4\)"):
        open_gateway(environment)
    assert not environment.database_file.exists()


def test_who_made_it_is_an_admin(handles: Handles) -> None:
    with handles.database.reading() as session:
        first = session.get(Setting, "system.first_admin")

    assert first is not None
    assert first.value == this_user()
    assert current_actor(handles).role is Role.SUPER_SECURITY_ADMIN


def test_a_worker_is_named_for_what_it_does(environment: Environment) -> None:
    opened = open_gateway(environment, role="fetch")
    opened.close()

    assert opened.worker_id.startswith("fetch-")


def test_twenty_first_starts_at_once_make_one_home(environment: Environment) -> None:
    context = multiprocessing.get_context("fork")
    with context.Pool(20) as pool:
        counts = pool.map(_opened, [environment] * 20)

    assert counts == [(5, 3)] * 20


def _opened(environment: Environment) -> tuple[int, int]:
    handles = open_gateway(environment)
    try:
        return len(_names(handles, Template)), len(_names(handles, Queue))
    finally:
        handles.close()


def test_settings_are_read_anew_each_time(handles: Handles) -> None:
    def set_one(session: Session) -> None:
        session.add(Setting(name="retry.first", value="2m"))

    assert handles.settings().retry.first.total_seconds() == 60
    handles.database.writing(set_one)
    assert handles.settings().retry.first.total_seconds() == 120


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_of_two_machines_that_start_at_once_one_says_which_key_holds(handles: Handles) -> None:
    def waits() -> bool:
        with handles.database.reading() as session:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(session.connection().exec_driver_sql(waiting).scalar_one())

    def first(session: Session) -> None:
        session.connection().execute(delete(Setting).where(col(Setting.name).in_([KEY_ID, PUBLIC_KEY, KEY_HOME])))

    def second() -> None:
        handles.database.writing(lambda session: _claim_key(handles.vault, session))

    def both(session: Session) -> None:
        _claim_key(handles.vault, session)
        other.append(pool.submit(second))
        until(waits)

    other: list[Future[None]] = []
    handles.database.writing(first)
    with ThreadPoolExecutor(1) as pool:
        handles.database.writing(both)
        other[0].result(PATIENCE)
    with handles.database.reading() as session:
        assert handles.vault.needed(session) == ""
