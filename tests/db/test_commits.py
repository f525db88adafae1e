"""A connection that breaks at COMMIT: what was carried out is not done again, what was not is."""

from typing import Any

import psycopg
import pytest
from sqlmodel import Session

from core import clock
from core.db.commits import was_carried_out
from core.errors import StoreBusy
from core.handles import Handles
from core.models import Setting
from tests.accounts import ON_POSTGRES
from tests.crash.failures import losing_commit

pytestmark = ON_POSTGRES


class Counting:
    """Work that leaves one row a time, and knows how often it was asked for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, session: Session) -> int:
        self.times += 1
        session.add(Setting(name=f"time {self.times}", value=self.times))
        return self.times


def left(handles: Handles) -> list[str]:
    with handles.database.reading() as session:
        return [name for name in ("time 1", "time 2") if session.get(Setting, name) is not None]


def test_what_was_committed_is_not_done_again_though_nobody_said_so(handles: Handles) -> None:
    work = Counting()
    with losing_commit(handles, 1):
        assert handles.database.writing(work) == 1
    assert left(handles) == ["time 1"]


def test_what_was_not_committed_is_done_again(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = handles.database._writers.dialect
    commit, broken = dialect.do_commit, []

    def break_and_not_commit(connection: Any) -> None:
        if not broken:
            broken.append(connection)
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        commit(connection)

    monkeypatch.setattr(dialect, "do_commit", break_and_not_commit)
    assert handles.database.writing(Counting()) == 2
    assert left(handles) == ["time 2"]


def test_a_commit_that_stays_under_way_is_not_said_to_be_undone(handles: Handles) -> None:
    with psycopg.connect(handles.environment.database_url) as other:
        [number] = other.execute("SELECT txid_current()").fetchone() or [0]
        with pytest.raises(StoreBusy, match="is not known"):
            was_carried_out(handles.database._writers, number, clock.Deadline(0.05))
