"""The schema: made whole, refused when it does not fit, migrated only on request."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.db.engine import WAL_SAFE_SINCE, journal_mode, make_engine, sqlite_version
from core.db.integrity import damage_of
from core.db.schema import REVISION, open_database, revision_of
from core.db.upgrade import alembic_config, backup_sqlite, upgrade
from core.environment import Environment
from core.errors import NoInput, SchemaMismatch, StoreBusy
from core.handles import Handles
from core.models import Mailbox, MailboxStatus, Setting, Template
from tests.servers.postgres import Postgres
from tui.demo.ports import free_port


def test_the_newest_migration_is_the_one_the_program_expects() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == REVISION


def test_the_tables_that_are_made_are_those_that_migrations_make(home: Environment) -> None:
    open_database(home).close()
    engine = make_engine(home.database_url, query_only=False)
    with engine.connect() as connection:
        command.check(alembic_config(connection))  # raises when models and database differ
        connection.rollback()
    engine.dispose()


def test_migrations_alone_make_a_database_that_fits(postgres: Postgres, environment: Environment) -> None:
    url = postgres.create_database()
    engine = make_engine(url, query_only=False)
    with engine.connect() as connection:
        command.upgrade(alembic_config(connection), "head")
        connection.commit()
    engine.dispose()

    database = open_database(Environment(environment.home, url, environment.drop))
    assert revision_of(database) == REVISION
    database.close()


def test_a_database_of_another_version_is_not_touched(handles: Handles) -> None:
    handles.database.writing(
        lambda session: session.connection().execute(text("UPDATE alembic_version SET version_num = '0002'"))
    )

    with pytest.raises(SchemaMismatch, match="postroom db upgrade"):
        open_database(handles.environment)


def test_what_a_newer_version_has_upgraded_is_left_to_that_one(handles: Handles) -> None:
    handles.database.writing(
        lambda session: session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'") and None
    )
    environment = handles.environment
    for touch in (open_database, upgrade):
        with pytest.raises(SchemaMismatch, match=r"revision 9999, which a newer version made.*Install that"):
            touch(environment)
    assert list(environment.home.glob("*.before-upgrade")) == []


def test_upgrading_what_is_current_changes_nothing_and_leaves_the_copy_of_the_upgrade_before(handles: Handles) -> None:
    before = handles.environment.database_file.with_suffix(".before-upgrade")
    if handles.environment.is_sqlite:
        before.write_text("of the version before")

    assert upgrade(handles.environment) is None

    assert revision_of(handles.database) == REVISION
    assert not before.exists() or before.read_text() == "of the version before"


def test_a_database_of_the_first_version_keeps_its_rows_when_it_is_upgraded(handles: Handles) -> None:
    def configured(session: Session) -> None:
        now = clock.utcnow()
        template = Template(name="t", created_at=now, updated_at=now)
        session.add(template)
        session.flush()
        mailbox = Mailbox(name="out", template_id=template.id, created_at=now, updated_at=now)
        session.add(mailbox)
        session.flush()
        session.add(MailboxStatus(mailbox_id=mailbox.id, last_turn=7))

    handles.database.writing(configured)
    engine = make_engine(handles.environment.database_url, query_only=False)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0001")
        connection.commit()
    engine.dispose()

    copy = upgrade(handles.environment)

    assert (copy is not None) == handles.environment.is_sqlite
    assert copy is None or stat.S_IMODE(copy.stat().st_mode) == 0o600
    with handles.database.reading() as session:
        status = session.exec(select(MailboxStatus)).one()
    assert (status.last_turn, status.rate_taken, status.server_max_size) == (7, [], 0)
    assert revision_of(handles.database) == REVISION


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_behind_a_table_that_is_read_for_long_it_gives_up_and_several_at_once_are_one(
    home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(home.database_url, query_only=False)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0002")
        connection.commit()
        connection.exec_driver_sql("LOCK TABLE mailbox_status IN ACCESS SHARE MODE")  # as pg_dump does
        with monkeypatch.context() as impatient:
            impatient.setattr("core.db.upgrade.WRITE_PATIENCE", 1)
            with pytest.raises(StoreBusy, match=r"lock timeout\); nothing was changed"):
                upgrade(home)
        connection.rollback()
    engine.dispose()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade, [home] * 3))
    open_database(home).close()


def test_a_new_sqlite_file_has_large_pages_and_a_safe_journal(environment: Environment) -> None:
    database = open_database(environment)
    with database.reading() as session:
        pragmas = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_size", "journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        damage = damage_of(session.connection())
    database.close()

    assert pragmas == {
        "page_size": 16384,
        "journal_mode": journal_mode().lower(),
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 0,  # waiting is the doors' business
    }
    assert damage == ""


def test_wal_is_used_only_where_the_library_is_safe() -> None:
    assert (journal_mode() == "WAL") == (sqlite_version() >= WAL_SAFE_SINCE)


def test_a_backup_holds_what_was_committed(environment: Environment, tmp_path: Path) -> None:
    database = open_database(environment)
    database.writing(lambda session: session.add(Setting(name="x", value="kept")))

    copy = backup_sqlite(environment, tmp_path / "copy.db")
    database.close()

    restored = open_database(Environment(tmp_path, f"sqlite:///{copy}", tmp_path / "drop"))
    with restored.reading() as session:
        row = session.get(Setting, "x")
    restored.close()
    assert row is not None
    assert row.value == "kept"


def test_a_backup_of_nothing_is_refused(environment: Environment, tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        backup_sqlite(environment, tmp_path / "copy.db")


def test_a_server_out_of_reach_is_named(environment: Environment) -> None:
    away = Environment(
        environment.home, f"postgresql://nobody@127.0.0.1:{free_port('127.0.0.1')}/none", environment.drop
    )

    with pytest.raises(StoreBusy, match=re.escape("127.0.0.1")):
        open_database(away)


def test_partial_indices_hold_what_their_condition_says(home: Environment) -> None:
    database = open_database(home)
    query = (
        "SELECT sql FROM sqlite_master WHERE name = 'uq_account_name_alive'"
        if database.is_sqlite
        else "SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_account_name_alive'"
    )
    with database.reading() as session:
        assert "WHERE (deleted_at IS NULL)" in str(session.connection().execute(text(query)).scalar_one()).replace(
            "WHERE deleted_at IS NULL", "WHERE (deleted_at IS NULL)"
        )
    database.close()
