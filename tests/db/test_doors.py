"""The two doors, on both engines: what they let through, what they refuse, and what they try again."""

import contextlib
import errno
import os
import resource
import tempfile
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, StatementError
from sqlmodel import Session

from core.db.doors import Database
from core.db.schema import make_sqlite
from core.environment import Environment
from core.errors import CannotWrite, StoreBusy, StoreError, StoreFull, StoreRefused
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Alert, Queue, Setting
from tests.accounts import ON_SQLITE
from tests.waiting import PATIENCE

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _value(handles: Handles, name: str = "x") -> object:
    with handles.database.reading() as session:
        row = session.get(Setting, name)
        return None if row is None else row.value


def _put(session: Session, value: object, name: str = "x") -> None:
    session.merge(Setting(name=name, value=value))


def test_what_was_written_is_read(handles: Handles) -> None:
    handles.database.writing(lambda session: _put(session, {"a": [1, "ä"]}))

    assert _value(handles) == {"a": [1, "ä"]}


def test_writing_gives_back_what_the_work_gives(handles: Handles) -> None:
    assert handles.database.writing(lambda _: 42) == 42


def test_an_error_in_the_work_leaves_nothing_behind(handles: Handles) -> None:
    def work(session: Session) -> None:
        _put(session, 1)
        session.flush()
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        handles.database.writing(work)
    assert _value(handles) is None


def test_a_reader_cannot_write(handles: Handles) -> None:
    with handles.database.reading() as session:
        session.add(Setting(name="x", value=1))
        with pytest.raises(DBAPIError):
            session.flush()
    assert _value(handles) is None


@ON_SQLITE  # on PostgreSQL a reader is read committed: its statements are short and stand alone
def test_a_reader_sees_one_state_however_long_it_looks(handles: Handles) -> None:
    with handles.database.reading() as session:
        assert session.get(Setting, "x") is None
        handles.database.writing(lambda writer: _put(writer, 1))
        session.expire_all()
        assert session.get(Setting, "x") is None


def test_rows_stay_readable_after_their_session(handles: Handles) -> None:
    with handles.database.reading() as session:
        queue = session.get(Queue, 1)

    assert queue is not None
    assert queue.name == "Raw"


def test_a_broken_constraint_is_not_tried_again(handles: Handles) -> None:
    tries = []

    def work(session: Session) -> None:
        tries.append(1)
        session.add(Queue(name="Raw", created_at=NOW, updated_at=NOW))
        session.flush()

    with pytest.raises(StoreRefused):
        handles.database.writing(work)
    assert len(tries) == 1


def test_a_passing_fault_is_tried_again_as_a_whole(handles: Handles) -> None:
    tries = []

    def work(session: Session) -> int:
        tries.append(1)
        _put(session, len(tries))
        session.flush()
        if len(tries) < 3:
            raise DBAPIError("", {}, RuntimeError("database is locked"))
        return len(tries)

    assert handles.database.writing(work) == 3
    assert _value(handles) == 3


def test_a_writer_that_gets_no_turn_says_so_in_time(handles: Handles) -> None:
    def work(_: Session) -> None:
        raise DBAPIError("", {}, RuntimeError("database is locked"))

    with pytest.raises(StoreBusy, match="nothing was changed"):
        handles.database.writing(work, patience=0.05)


@ON_SQLITE  # on PostgreSQL writers do not exclude each other
def test_a_lock_held_by_another_process_is_waited_for(handles: Handles) -> None:
    other = Database(handles.environment.database_url)
    is_held, may_go = threading.Event(), threading.Event()

    def holding(session: Session) -> None:
        _put(session, "other's")
        session.flush()
        is_held.set()
        assert may_go.wait(PATIENCE)

    holder = threading.Thread(target=lambda: other.writing(holding))
    holder.start()
    assert is_held.wait(PATIENCE)
    with pytest.raises(StoreBusy):
        handles.database.writing(lambda session: _put(session, "mine"), patience=0.1)
    may_go.set()
    holder.join()
    handles.database.writing(lambda session: _put(session, "mine"))
    other.close()

    assert _value(handles) == "mine"


def test_a_writer_has_the_lock_before_it_looks(environment: Environment) -> None:
    """What it decides by stays true: SQLite would refuse to let a reader write once another has written."""
    make_sqlite(environment.database_file)
    one, another = Database(environment.database_url), Database(environment.database_url)

    def work(session: Session) -> None:
        assert session.get(Setting, "x") is None
        with pytest.raises(StoreBusy):
            another.writing(lambda _: pytest.fail("it was let in"), patience=0.05)

    one.writing(work)
    one.close()
    another.close()


def test_many_writers_at_once_lose_nothing(handles: Handles) -> None:
    def add(session: Session) -> None:
        row = session.get(Setting, "count", with_for_update=True)
        assert row is not None
        row.value += 1
        session.add(row)

    handles.database.writing(lambda session: _put(session, 0, "count"))
    threads = [threading.Thread(target=lambda: [handles.database.writing(add) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert _value(handles, "count") == 80


def test_times_come_back_in_utc_and_aware(handles: Handles) -> None:
    east = datetime(2026, 11, 20, 14, tzinfo=timezone(timedelta(hours=2)))
    handles.database.writing(lambda session: session.add(Alert(subject="s", text="t", opened_at=east)))

    with handles.database.reading() as session:
        alert = session.get(Alert, 1)
    assert alert is not None
    assert alert.opened_at == NOW
    assert alert.opened_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(environment: Environment) -> None:
    # SQLite keeps text and would take anything; PostgreSQL knows zones, and its sessions are in UTC.
    handles, naive = open_gateway(environment), datetime(2026, 11, 20, 14)  # noqa: DTZ001 - that is the point

    with pytest.raises(StatementError, match="without a zone"):
        handles.database.writing(lambda session: session.add(Alert(subject="s", text="t", opened_at=naive)))
    handles.close()


def test_a_database_out_of_reach_is_named_and_passing() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", patience=0.1)

    with pytest.raises(StoreBusy, match="nothing was changed"), database.reading():
        pass
    with pytest.raises(StoreBusy):
        database.writing(lambda _: None)
    database.close()


def test_a_database_that_was_moved_away_is_not_made_anew(environment: Environment) -> None:
    make_sqlite(environment.database_file)
    away = environment.database_file.rename(environment.database_file.with_suffix(".away"))
    database = Database(environment.database_url)
    with pytest.raises(StoreBusy, match="moved away or removed"), database.reading():
        pass
    with pytest.raises(StoreBusy, match="moved away or removed"):
        database.writing(lambda _: None)
    assert not environment.database_file.exists()
    away.rename(environment.database_file)
    database.writing(lambda session: _put(session, "back"))
    database.close()


@pytest.mark.parametrize(
    ("beside", "remedy"), [(errno.EROFS, "dmesg"), (errno.EACCES, "right to write"), (0, "right to write")]
)
def test_a_database_that_has_become_read_only_is_told_with_what_to_do(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, beside: int, remedy: str
) -> None:
    def refused(**_: object) -> None:
        raise OSError(beside, os.strerror(beside))

    make_sqlite(environment.database_file)
    database = Database(environment.database_url)
    event.listen(database._writers, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only=ON"))
    if beside:
        monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(CannotWrite, match=f"{environment.database_file}.+{remedy}"):
        database.writing(lambda session: _put(session, "x"))
    database.close()


@pytest.mark.parametrize(
    ("beside", "error", "said"),
    [
        (errno.ENOSPC, StoreFull, "inodes"),
        (errno.EROFS, CannotWrite, "dmesg"),
        (errno.EACCES, StoreBusy, "no right to its folder"),
        (errno.EMFILE, StoreBusy, "too many files"),
    ],
)
def test_why_its_file_cannot_be_opened_is_found_out(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, beside: int, error: type[StoreError], said: str
) -> None:
    """SQLite says the same where it cannot make its log: no inodes, no rights, a disk that has failed."""

    def refused(**_: object) -> None:
        raise OSError(beside, os.strerror(beside))

    make_sqlite(environment.database_file)
    away = environment.database_file.rename(environment.database_file.with_suffix(".away"))
    database = Database(environment.database_url)
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(error, match=said), database.reading():
        pass
    database.close()
    assert away.exists()


def test_a_process_that_has_too_many_files_open_is_not_told_that_the_database_is_gone(environment: Environment) -> None:
    make_sqlite(environment.database_file)
    database = Database(environment.database_url)
    opened: list[int] = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(StoreBusy, match="too many files"), database.reading():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in opened:
            os.close(descriptor)
    with database.reading() as session:
        assert session.get(Setting, "x") is None
    database.close()
