"""The database as a whole: copied, put back, taken to another engine; what must not be touched is not."""

import random
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table, event, insert, select
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.db.doors import Database
from core.db.schema import REVISION, open_database
from core.environment import Environment, read_environment
from core.errors import BadInput, CannotWrite, Misuse, NoInput, NotPermitted, SchemaMismatch, StoreBusy, StoreError
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Audit, OutgoingMessage, Queue, Setting, UtcDateTime, Worker, metadata
from core.outbox import restored
from core.secret import Secret
from core.services import databases
from core.services.actor import Actor, Role
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound import world
from tests.servers.postgres import Postgres, find_program
from tests.services import worlds
from tests.waiting import PATIENCE

ROWS = 3


def filled(handles: Handles) -> None:
    """Rows in every table, with a value in every column."""

    def fill(session: Session) -> None:
        for table in metadata.sorted_tables:
            there = {row[0] for row in session.connection().execute(select(next(iter(table.primary_key))))}
            rows = [{column.name: _value(column, number) for column in table.c} for number in range(1001, 1001 + ROWS)]
            assert not there & {row[next(iter(table.primary_key)).name] for row in rows}
            for row in reversed(rows):  # as a failover added later would be: what it names comes before it
                session.connection().execute(insert(table).values(**{**row, **_loops(table)}))
            for row in rows[:-1]:
                if loops := _loops(table, 1001 + ROWS - 1):
                    key = next(iter(table.primary_key))
                    session.connection().execute(table.update().where(key == row[key.name]).values(**loops))

    handles.database.writing(fill)


def _loops(table: Table, value: int | None = None) -> dict[str, Any]:
    return {key.parent.name: value for key in table.foreign_keys if key.column.table is table}


def _value(column: Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, JSON):
        return {"n": [number, "grün", None]}
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number if column.name != "version" else 2**40 if "BIGINT" in str(kind) else number
    if isinstance(kind, Float):
        return number / 4
    if isinstance(kind, LargeBinary):
        return bytes([0, 255, number % 256]) * 3
    if isinstance(kind, UtcDateTime):
        # Nothing in this row is deleted: names are unique among the living.
        return None if column.name == "deleted_at" else datetime(2026, 3, 29, 1, 30, 0, number, tzinfo=UTC)
    return f"{column.name} grün 日本 {number}"


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that is in a database but the settings' changing marks."""
    with database.reading() as session:
        return {
            table.name: [
                dict(row) for row in session.connection().execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
        }


def copied(url: str) -> dict[str, list[dict[str, Any]]]:
    database = Database(url)
    try:
        return contents(database)
    finally:
        database.close()


@ON_SQLITE
def test_everything_goes_to_postgresql_and_back(
    handles: Handles, admin: Actor, postgres: Postgres, tmp_path: Path
) -> None:
    filled(handles)
    before = contents(handles.database)
    over, back = postgres.create_database(), f"sqlite:///{tmp_path / 'back.db'}"

    there = databases.copy_to(handles, admin, over)

    assert copied(over) == before
    assert there.rows == {name: len(rows) for name, rows in before.items()}
    assert all(there.rows.values())
    away = open_gateway(read_environment({}, home=str(handles.environment.home), database_url=over))
    before = contents(away.database)
    databases.copy_to(away, admin, back)
    assert copied(back) == before
    # The next ids follow those that came along.
    highest = max(row["id"] for row in before["queue"])
    assert worlds.add(away, admin, "queue", "after the copy") == highest + 1
    away.close()


@ON_SQLITE
def test_a_target_that_is_not_empty_is_left_as_it_is(
    handles: Handles, admin: Actor, postgres: Postgres, tmp_path: Path
) -> None:
    used, file = postgres.create_database(), tmp_path / "there.db"
    with_rows = open_gateway(read_environment({}, home=str(tmp_path / "other"), database_url=used))
    with_rows.close()
    before = copied(used)
    file.write_bytes(b"mine")

    with pytest.raises(BadInput, match=r"holds rows of .*queue.*Copy into an empty one"):
        databases.copy_to(handles, admin, used)
    with pytest.raises(CannotWrite, match="is there already"):
        databases.copy_to(handles, admin, f"sqlite:///{file}")
    with pytest.raises(BadInput, match="onto itself"):
        databases.copy_to(handles, admin, handles.environment.database_url)
    with pytest.raises(BadInput, match="is written postgresql"):
        databases.copy_to(handles, admin, "mysql://there/x")
    with pytest.raises(StoreError, match="Connection refused"):
        databases.copy_to(handles, admin, "postgres://nobody@127.0.0.1:1/x")

    assert copied(used) == before
    assert file.read_bytes() == b"mine"


@ON_SQLITE
def test_a_copy_that_fails_leaves_nothing(handles: Handles, admin: Actor, postgres: Postgres, tmp_path: Path) -> None:
    filled(handles)
    url = postgres.create_database()

    def cut(table: str, _rows: int) -> None:
        if table == "record":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        databases.copy_to(handles, admin, url, cut)
    with pytest.raises(KeyboardInterrupt):
        databases.copy_to(handles, admin, f"sqlite:///{tmp_path / 'x.db'}", cut)

    assert not (tmp_path / "x.db").exists()
    databases.copy_to(handles, admin, url)


def test_nothing_is_copied_while_a_worker_lives(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    worlds.put(handles, alive(timedelta(0)))

    with pytest.raises(StoreBusy, match=r"was not copied: workers are alive on mail01 \(process 4711\)"):
        databases.copy_to(handles, admin, f"sqlite:///{tmp_path / 'x.db'}")

    assert not (tmp_path / "x.db").exists()


def alive(ago: timedelta) -> Worker:
    now = clock.utcnow() - ago
    return Worker(id="w", host="mail01", pid=4711, started_at=now, heartbeat_at=now)


@ON_SQLITE
def test_what_was_waiting_in_a_backup_is_held_because_it_may_have_been_sent_since(
    handles: Handles, admin: Actor, tmp_path: Path
) -> None:
    world.put(handles, 2)
    handles.database.writing(
        lambda session: session.connection().execute(
            table_of(OutgoingMessage).update().where(table_of(OutgoingMessage).c.id == 1).values(
                state="sending", lease_owner="w", lease_until=clock.utcnow(), handing_over=True
            )
        )
    )  # fmt: skip
    databases.back_up(handles, admin, tmp_path / "backup.db")
    handles.close()

    back = databases.put_back(handles.environment, admin, tmp_path / "backup.db")

    assert back.held == 2
    database = open_database(handles.environment)
    messages = contents(database)["outgoing_message"]
    database.close()
    assert [(row["state"], row["last_error"], row["lease_owner"]) for row in messages] == [
        ("held", restored.BECAUSE, "")
    ] * 2


@ON_SQLITE
def test_a_backup_is_made_of_a_database_whose_disk_takes_nothing_more(
    handles: Handles, admin: Actor, tmp_path: Path
) -> None:
    event.listen(handles.database._writers, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only=ON"))
    made = databases.back_up(handles, admin, tmp_path / "backup.db")
    assert "cannot be written" in made.unnoted
    assert (tmp_path / "backup.db").stat().st_size == handles.environment.database_file.stat().st_size


@ON_SQLITE
def test_a_database_that_somebody_has_open_is_not_replaced(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    databases.back_up(handles, admin, tmp_path / "backup.db")
    inode = handles.environment.database_file.stat().st_ino

    with pytest.raises(StoreBusy, match=r"is in use\. Stop the workers, close the consoles"):
        databases.put_back(handles.environment, admin, tmp_path / "backup.db")

    assert handles.environment.database_file.stat().st_ino == inode
    assert [path.name for path in handles.environment.home.iterdir() if "restor" in path.name] == []
    rows_of(handles, Queue, "id")
    databases.refuse_workers(handles.database, "replaced")
    worlds.put(handles, alive(timedelta(0)))
    with pytest.raises(StoreBusy, match="was not replaced: workers are alive"):
        databases.refuse_workers(handles.database, "replaced")


@pytest.fixture
def backup(environment: Environment, tmp_path: Path) -> Path:
    """A good backup, of a home that is somewhere else."""
    made = tmp_path / "made.db"
    open_database(Environment(tmp_path / "made", f"sqlite:///{made}", tmp_path / "drop")).close()
    return made


def spoil(backup: Path, statement: str) -> None:
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute(statement)


def test_a_backup_that_is_none_or_not_whole_or_too_new_is_refused(
    environment: Environment, backup: Path, tmp_path: Path, admin_of_all: Actor
) -> None:
    def refusal(error: type[Exception], how: str) -> None:
        with pytest.raises(error, match=how):
            databases.put_back(environment, admin_of_all, tmp_path / "spoilt.db")

    refusal(NoInput, "There is no file")
    (tmp_path / "spoilt.db").write_text("hello")
    refusal(BadInput, "is no SQLite database")
    shutil.copy(backup, tmp_path / "spoilt.db")
    with (tmp_path / "spoilt.db").open("r+b") as file:
        file.seek(16384 * 3)
        file.write(random.Random(7).randbytes(16384 * 4))
    refusal(BadInput, "is damaged .* and was not restored")
    shutil.copy(backup, tmp_path / "spoilt.db")
    spoil(tmp_path / "spoilt.db", "INSERT INTO outgoing_raw VALUES (7, x'00')")
    refusal(BadInput, "is not whole")
    shutil.copy(backup, tmp_path / "spoilt.db")
    spoil(tmp_path / "spoilt.db", "UPDATE alembic_version SET version_num = '9999'")
    refusal(SchemaMismatch, f"revision 9999, which a newer version made; this one knows {REVISION}")
    (tmp_path / "spoilt.db").unlink()
    spoil(tmp_path / "spoilt.db", "CREATE TABLE other (x)")
    refusal(BadInput, "is no database of Postroom")

    assert not environment.database_file.exists()
    assert list(environment.home.glob("*restoring*")) == []


@pytest.fixture
def admin_of_all() -> Actor:
    return Actor("anna", "here", Role.SUPER_SECURITY_ADMIN)


def test_a_backup_of_an_earlier_version_is_brought_to_this_one(
    environment: Environment, backup: Path, admin_of_all: Actor
) -> None:
    from alembic import command

    from core.db.engine import make_engine
    from core.db.upgrade import alembic_config

    engine = make_engine(f"sqlite:///{backup}", query_only=False)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0001")
        connection.commit()
    engine.dispose()

    databases.put_back(environment, admin_of_all, backup)

    database = open_database(environment)
    with database.reading() as session:
        assert session.connection().exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()


def test_on_postgresql_its_own_tools_are_named_and_they_work(
    handles: Handles, admin: Actor, tmp_path: Path, postgres: Postgres
) -> None:
    if handles.environment.is_sqlite:
        with pytest.raises(NotPermitted):
            databases.back_up(handles, Actor("vera", "here", Role.VIEWER), tmp_path / "x")
        return
    worlds.add(handles, admin, "account", "a", password=Secret("kanarienvogel"))
    handles.changes.flush()
    before, file = contents(handles.database), tmp_path / "backup.pg"

    with pytest.raises(Misuse, match="pg_dump") as refused:
        databases.back_up(handles, admin, file)
    _run(str(refused.value).rpartition("with: ")[2])
    worlds.add(handles, admin, "queue", "After")
    handles.changes.flush()  # or the thread that tells of changes would write into what was put back
    with pytest.raises(Misuse, match="pg_restore") as refused:
        databases.put_back(handles.environment, admin, file)
    handles.database.close()
    _run(str(refused.value).rpartition("by: ")[2])

    assert contents(handles.database) == before


def _run(command: str) -> None:
    program, *arguments = command.split()
    subprocess.run([find_program(program), *arguments], check=True, timeout=PATIENCE, capture_output=True)


def test_who_may_not_is_told_so(handles: Handles, tmp_path: Path) -> None:
    operator = Actor("otto", "here", Role.OPERATOR)

    for refused in (
        lambda: databases.back_up(handles, operator, tmp_path / "x"),
        lambda: databases.put_back(handles.environment, operator, tmp_path / "x"),
        lambda: databases.copy_to(handles, operator, "sqlite:////x"),
    ):
        with pytest.raises(NotPermitted):
            refused()
    assert not [line for line in rows_of(handles, Audit, "id") if line.kind == "database"]
    assert [row for row in rows_of(handles, Setting, "name") if row.name == "x"] == []
