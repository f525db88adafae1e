"""Writes of several threads into SQLite: one commit for what waits, and each for itself where something goes wrong."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from core import clock
from core.db.doors import Database
from core.db.schema import make_sqlite
from core.environment import Environment
from core.errors import StoreBusy, StoreFull
from core.models import Setting
from tests import waiting
from tests.waiting import PATIENCE

Work = Callable[[Session], object]


@pytest.fixture
def database(environment: Environment) -> Iterator[Database]:
    make_sqlite(environment.database_file)
    opened = Database(environment.database_url)
    yield opened
    opened.close()


class Crowd:
    """Threads that write at the same time: the first holds its turn until the others wait."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.commits = 0
        self.done: list[str] = []
        event.listen(database._writers, "commit", self._note)

    def _note(self, _: object) -> None:
        self.commits += 1

    @contextmanager
    def behind(self, first: str, *, load: float = 0.0) -> Iterator[Callable[..., "Future[object]"]]:
        """Within it the first has its turn; after it all are over."""
        assert self.database._group is not None
        waiting_ones = self.database._group._waiting
        has_begun, may_end = threading.Event(), threading.Event()

        def holding(session: Session) -> None:
            _put(session, first)
            has_begun.set()
            assert may_end.wait(PATIENCE)

        with ThreadPoolExecutor(8) as pool:

            def joins(work: Work, **options: object) -> "Future[object]":
                count = len(waiting_ones)
                future = pool.submit(self.database.writing, work, **options)  # type: ignore[arg-type]
                waiting.until(lambda: len(waiting_ones) > count or future.done())
                return future

            self.first = pool.submit(self.database.writing, holding, load=load)
            assert has_begun.wait(PATIENCE)
            self.commits = 0
            try:
                yield joins
            finally:
                may_end.set()

    def writes(self, name: str) -> Work:
        def work(session: Session) -> str:
            self.done.append(name)
            _put(session, name)
            return name

        return work


@pytest.fixture
def crowd(database: Database) -> Crowd:
    return Crowd(database)


def _put(session: Session, name: str) -> None:
    session.add(Setting(name=name, value=1))
    session.flush()


def _names(database: Database) -> set[str]:
    with database.reading() as session:
        return {name for name in session.exec(select(Setting.name)) if len(name) == 1}


def test_what_waits_is_written_with_one_commit(crowd: Crowd) -> None:
    with crowd.behind("a") as joins:
        others = [joins(crowd.writes(name)) for name in "bcd"]

    assert [one.result() for one in others] == ["b", "c", "d"]
    assert crowd.commits == 1
    assert _names(crowd.database) == set("abcd")


def test_a_batch_takes_what_is_small_along_before_another_batch(crowd: Crowd) -> None:
    with crowd.behind("a", load=0.5) as joins:
        joins(crowd.writes("b"), load=0.5)
        joins(crowd.writes("c"))

    assert crowd.done == ["c", "b"]
    assert crowd.commits == 1


def test_a_batch_takes_no_more_along_than_makes_a_full_one(crowd: Crowd) -> None:
    with crowd.behind("a", load=0.5) as joins:
        joins(crowd.writes("b"), load=0.6)

    assert crowd.commits == 2


def test_what_is_small_waits_for_no_batch(crowd: Crowd) -> None:
    with crowd.behind("a") as joins:
        joins(crowd.writes("b"), load=0.1)
        joins(crowd.writes("c"))

    assert crowd.done == ["c", "b"]
    assert crowd.commits == 2


def test_what_fails_among_others_is_undone_alone(crowd: Crowd) -> None:
    def fails(session: Session) -> None:
        _put(session, "x")
        raise RuntimeError("of its own")

    with crowd.behind("a") as joins:
        failing = joins(fails)
        other = joins(crowd.writes("b"))

    with pytest.raises(RuntimeError, match="of its own"):
        failing.result()
    assert other.result() == "b"
    assert crowd.done == ["b"]
    assert crowd.commits == 1
    assert _names(crowd.database) == set("ab")


def test_a_refused_row_is_told_to_whoever_wrote_it(crowd: Crowd) -> None:
    with crowd.behind("a") as joins:
        same = joins(crowd.writes("a"))
        other = joins(crowd.writes("b"))

    assert "UNIQUE" in str(same.exception())
    assert other.result() == "b"
    assert _names(crowd.database) == set("ab")


def test_where_all_is_undone_for_one_each_is_done_again_alone(crowd: Crowd) -> None:
    def ends_all(session: Session) -> None:
        """As a full disk does: SQLite rolls all of the transaction back by itself."""
        session.connection().exec_driver_sql("ROLLBACK")
        raise RuntimeError("the disk is full for this one")

    with crowd.behind("a") as joins:
        before = joins(crowd.writes("b"))
        ending = joins(ends_all)
        after = joins(crowd.writes("c"))

    with pytest.raises(RuntimeError, match="full for this one"):
        ending.result()
    assert (crowd.first.exception(), before.result(), after.result()) == (None, "b", "c")
    assert crowd.done.count("b") == 2
    assert _names(crowd.database) == set("abc")


def test_a_commit_that_fails_is_tried_with_each_alone(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was too much together may find room; what finds none says so for itself."""
    commits = []

    def full(_: object) -> None:
        commits.append(1)
        if len(commits) in {1, 3}:
            raise DBAPIError("COMMIT", {}, RuntimeError("database or disk is full"))

    event.listen(crowd.database._writers, "commit", full)
    with crowd.behind("a") as joins:
        others = [joins(crowd.writes(name)) for name in "bc"]

    everyone = [crowd.first, *others]
    assert [type(one.exception()) for one in everyone if one.exception()] == [StoreFull]
    assert len(_names(crowd.database)) == 2


def test_an_interrupt_behind_the_commit_has_nothing_done_again(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    group = crowd.database._group
    assert group is not None
    engine = group._engine

    class Interrupting:
        @contextmanager
        def connect(self) -> Iterator[Connection]:
            with engine.connect() as connection:
                yield connection
            raise KeyboardInterrupt

    monkeypatch.setattr(group, "_engine", Interrupting())
    with crowd.behind("a") as joins:
        others = [joins(crowd.writes(name)) for name in "bc"]

    assert isinstance(crowd.first.exception(), KeyboardInterrupt)
    assert [one.result() for one in others] == ["b", "c"]
    assert crowd.done == ["b", "c"]


def test_whoever_waits_too_long_is_told_and_not_written(crowd: Crowd) -> None:
    with crowd.behind("a") as joins:
        late = joins(crowd.writes("b"), patience=0.05)
        assert isinstance(late.exception(timeout=PATIENCE), StoreBusy)
        other = joins(crowd.writes("c"))

    assert other.result() == "c"
    assert crowd.done == ["c"]


def test_whoever_is_interrupted_while_it_waits_keeps_nobody_waiting(crowd: Crowd) -> None:
    group = crowd.database._group
    assert group is not None

    class Interrupted(clock.Deadline):
        def remaining(self) -> float:
            raise KeyboardInterrupt

    with crowd.behind("a") as joins:
        with pytest.raises(KeyboardInterrupt):
            group.write(crowd.writes("b"), Interrupted(PATIENCE))
        other = joins(crowd.writes("c"))

    assert other.result() == "c"
    assert crowd.done == ["c"]


def test_for_a_writer_of_another_process_the_transaction_ends_early(crowd: Crowd, environment: Environment) -> None:
    other_process = Database(environment.database_url)
    assert other_process._group is not None
    with crowd.behind("a") as joins:
        joins(crowd.writes("b"))
        claimed = other_process._group._way.claimed()
        claimed.__enter__()
    claimed.__exit__(None, None, None)
    other_process.close()

    assert _names(crowd.database) == set("ab")
    assert crowd.commits == 2
