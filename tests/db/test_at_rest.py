"""SQLite's file where nothing can be made beside it: whole by itself it is read, and not written."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.db.at_rest import looking
from core.db.bulk import table_of
from core.db.doors import Database
from core.db.engine import make_resting_engine
from core.environment import Environment
from core.errors import StoreBusy, StoreFull
from core.gateway import open_gateway
from core.models import Queue, Setting
from core.services import databases
from core.services.actor import Actor, Role
from core.services.doctor import examination as doctor
from tui.console.desk import Desk

SHIPPED = 3


@pytest.fixture
def left(environment: Environment, sqlite_template: Path) -> Environment:
    """A home in which nobody works."""
    shutil.copytree(sqlite_template, environment.home)
    return environment


@contextmanager
def full_disk() -> Iterator[None]:
    """No file takes a byte: SQLite's index of its log has no room either."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _queues(database: Database) -> int:
    with database.reading() as session:
        return session.connection().execute(select(func.count()).select_from(table_of(Queue))).scalar_one()


def _add(database: Database, name: str) -> None:
    database.writing(lambda session: session.add(Setting(name=name, value=1)))


def test_what_nobody_has_open_is_read_and_heals_by_itself(left: Environment) -> None:
    database = Database(left.database_url)
    with full_disk():
        assert _queues(database) == SHIPPED
        assert "can only be read" in database.only_read
        with pytest.raises(StoreFull):
            _add(database, "x")
    _add(database, "x")
    assert (_queues(database), database.only_read) == (SHIPPED, "")
    database.close()


def test_what_the_log_alone_holds_is_not_left_out(left: Environment, tmp_path: Path) -> None:
    database, killed = Database(left.database_url), tmp_path / "killed"
    _add(database, "x")
    killed.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{left.database_file}{end}", killed)
    database.close()

    found = Database(f"sqlite:///{killed / left.database_file.name}")
    with full_disk(), pytest.raises(StoreFull):
        _queues(found)
    with found.reading() as session:
        assert session.get(Setting, "x") is not None
    found.close()


@pytest.mark.parametrize("is_left", [True, False], ids=["and left", "and is there still"])
def test_what_somebody_wrote_meanwhile_is_not_taken_for_whole(left: Environment, is_left: bool) -> None:
    database = Database(left.database_url)

    def look() -> None:
        with looking(make_resting_engine(left.database_url), left.database_file) as connection:
            connection.exec_driver_sql("SELECT 1 FROM queue")
            _add(database, "x")
            if is_left:
                database.close()

    with pytest.raises(StoreBusy, match="Try again"):
        look()
    database.close()


def test_doctor_console_and_backup_work_and_say_so(left: Environment, tmp_path: Path) -> None:
    with full_disk():
        found = {finding.check: finding for finding in doctor.examine(left, lambda: open_gateway(left))}
        handles = open_gateway(left)
        admin = Actor("anna", handles.host, Role.SUPER_SECURITY_ADMIN)
        standing = Desk(handles, admin).standing()
    made = databases.back_up(handles, admin, tmp_path / "backup.db")
    handles.close()
    assert "can only be read" in found["database"].text
    assert found["engine"].level is doctor.Level.OK
    assert (standing.trouble_in_short, "can only be read" in standing.trouble) == ("disk full", True)
    assert (tmp_path / "backup.db").read_bytes()[:15] == b"SQLite format 3"
    assert made.unnoted == ""
