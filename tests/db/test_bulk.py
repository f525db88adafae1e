"""Bulk writes: the same on both engines."""

import threading

import pytest
from sqlalchemy import event, select
from sqlmodel import Session

from core.clock import utcnow
from core.db import bulk
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Queue, Setting


def _values(handles: Handles) -> dict[str, object]:
    table = table_of(Setting)
    with handles.database.reading() as session:
        rows = session.connection().execute(select(table.c.name, table.c.value).where(table.c.name.like("t.%")))
        return {name: value for name, value in rows}


def _queues(*names: str) -> list[dict[str, object]]:
    now = utcnow()
    return [Queue(name=name, created_at=now, updated_at=now).model_dump(exclude={"id"}) for name in names]


def test_rows_go_in_at_once(handles: Handles) -> None:
    rows = _queues(*(f"q{number}" for number in range(500)))

    handles.database.writing(lambda session: bulk.insert_rows(session, Queue, rows))

    with handles.database.reading() as session:
        found = session.connection().execute(select(table_of(Queue)).where(table_of(Queue).c.name == "q499")).one()
    assert (found.validity, found.closed, found.version) == ("valid", "possible", 1)


def test_no_rows_are_no_statement(handles: Handles) -> None:
    executed: list[str] = []
    event.listen(handles.database._writers, "before_cursor_execute", lambda *given: executed.append(given[2]))
    handles.database.writing(lambda session: bulk.insert_rows(session, Setting, []))
    handles.database.writing(lambda session: bulk.insert_missing(session, Setting, []))
    handles.database.writing(lambda session: bulk.upsert(session, Setting, []))
    assert [statement for statement in executed if "into setting" in statement.lower()] == []


def test_missing_rows_are_added_and_others_left_alone(handles: Handles) -> None:
    def work(session: Session) -> None:
        bulk.insert_rows(session, Setting, [{"name": "t.a", "value": 1}])
        bulk.insert_missing(session, Setting, [{"name": "t.a", "value": 2}, {"name": "t.b", "value": 3}])

    handles.database.writing(work)

    assert _values(handles) == {"t.a": 1, "t.b": 3}


def test_upsert_overwrites_what_is_there(handles: Handles) -> None:
    def work(session: Session) -> None:
        bulk.upsert(session, Setting, [{"name": "t.a", "value": 1}])
        bulk.upsert(session, Setting, [{"name": "t.a", "value": 2}, {"name": "t.b", "value": 3}])

    handles.database.writing(work)

    assert _values(handles) == {"t.a": 2, "t.b": 3}


@pytest.mark.parametrize(("counts", "firsts"), [((1, 1, 1), [1, 2, 3]), ((10, 5, 1), [1, 11, 16])])
def test_numbers_are_reserved_in_blocks(handles: Handles, counts: tuple[int, ...], firsts: list[int]) -> None:
    given = [
        handles.database.writing(lambda session, count=count: bulk.reserve(session, "c", count)) for count in counts
    ]

    assert given == firsts


def test_no_number_is_given_twice_under_a_crowd(handles: Handles) -> None:
    given: list[int] = []

    def take() -> None:
        for _ in range(20):
            first = handles.database.writing(lambda session: bulk.reserve(session, "c", 3))
            given.extend(range(first, first + 3))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(given) == list(range(1, 361))
