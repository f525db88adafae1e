"""What a driver says, told apart: what may pass, and what has to be mended."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from core.db.doors import Database
from core.db.faults import is_passing, translated
from core.errors import StoreBusy, StoreFull


@pytest.mark.parametrize(
    "fault",
    [
        psycopg.errors.ConnectionTimeout("connection timeout expired"),
        psycopg.OperationalError("failed to resolve host 'db.example.org': [Errno -3] Temporary failure"),
        psycopg.OperationalError('connection failed: connection to server at "192.0.2.1" failed: Connection refused'),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        psycopg.OperationalError('connection is bad: connection to server on socket "/run/x" failed: No such file'),
        psycopg.errors.TooManyConnections("sorry, too many clients already"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.IdleInTransactionSessionTimeout("terminating connection due to idle-in-transaction timeout"),
        psycopg.errors.IdleSessionTimeout("terminating connection due to idle-session timeout"),
    ],
    ids=["silent", "no name server", "refused", "gone", "no socket", "full", "cut off", "idle in work", "idle"],
)
def test_a_server_that_is_not_reached_may_be_there_the_next_time(fault: psycopg.Error) -> None:
    error = OperationalError("connect", None, fault)
    assert is_passing(error)
    assert isinstance(translated(error), StoreBusy)
    assert "out of reach" in str(translated(error))


def test_a_disk_of_which_not_even_the_room_can_be_asked_is_told_as_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ("x" * 300) / "postroom.db"  # where every look ends with an error
    error = OperationalError("connect", None, sqlite3.OperationalError("disk I/O error"))
    assert "disk I/O error" in str(translated(error, file))

    def fail() -> None:
        raise error

    database = Database(f"sqlite:///{file}")
    monkeypatch.setattr(database._readers, "connect", fail)
    with pytest.raises(StoreFull, match="disk I/O error"), database.reading():
        pass
    database.close()
