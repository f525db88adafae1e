"""A list of any length in a statement that is made once, on both engines."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import utcnow
from core.db.alike import dialect_of
from core.db.among import is_among
from core.db.bulk import insert_rows, table_of
from core.handles import Handles
from core.models import Queue

NAMES = ("plain", 'with "quotes" and \\', "Größe", "東京", "a,b", "[x]", "{null}", "\U0001f600", "NULL", "1")


@pytest.fixture
def queues(handles: Handles) -> Handles:
    now = utcnow()
    rows = [Queue(name=name, created_at=now, updated_at=now).model_dump(exclude={"id"}) for name in NAMES]
    handles.database.writing(lambda session: insert_rows(session, Queue, rows))
    return handles


def found(handles: Handles, column: str, values: Sequence[Any]) -> set[str]:
    table = table_of(Queue)
    with handles.database.reading() as session:
        statement = select(table.c.name).where(is_among(table.c[column], "wanted", dialect_of(session)))
        return set(session.connection().scalars(statement, {"wanted": values}))


@pytest.mark.parametrize("name", NAMES)
def test_each_text_is_found_by_itself(queues: Handles, name: str) -> None:
    assert found(queues, "name", [name]) == {name}


def test_none_is_found_by_none_and_all_by_all(queues: Handles) -> None:
    assert found(queues, "name", []) == set()
    assert found(queues, "name", NAMES) == set(NAMES)


def test_numbers_are_compared_as_numbers(queues: Handles) -> None:
    table = table_of(Queue)
    with queues.database.reading() as session:
        ids = {row.name: row.id for row in session.connection().execute(select(table.c.name, table.c.id))}
    assert found(queues, "id", [ids["plain"], ids["1"], 10**12]) == {"plain", "1"}


def test_there_may_be_more_than_a_statement_has_parameters(queues: Handles) -> None:
    assert found(queues, "name", [f"other {number}" for number in range(70_000)] + ["plain"]) == {"plain"}
