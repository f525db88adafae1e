"""An update of many rows in one statement comes to the same on both engines."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, update

from core.db.bulk import MOST_PARAMETERS, insert_rows, table_of
from core.db.doors import Database
from core.db.prepared import PreparedUpdate, given
from core.handles import Handles
from core.models import Suppression

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
_s = table_of(Suppression)
_rows = given(_s.c.id, _s.c.last_text, _s.c.held_until)
TELLING = PreparedUpdate(
    update(_s)
    .where(_s.c.id == _rows.c.id, _s.c.address != "kept")
    .values(last_text=_rows.c.last_text, held_until=_rows.c.held_until, bounces=bindparam("count"), released_by="x"),
    _rows,
)
_bare = given(_s.c.id, _s.c.bounces)
COUNTING = PreparedUpdate(update(_s).where(_s.c.id == _bare.c.id).values(bounces=_bare.c.bounces), _bare)


@pytest.fixture
def filled(handles: Handles) -> Database:
    database: Database = handles.database
    empty = {"bounces": 0, "last_text": "", "first_at": AT, "last_at": AT, "released_by": ""}
    rows = [{"id": key, "address": "kept" if key == 2 else f"a{key}", **empty} for key in range(1, 1001)]
    database.writing(lambda session: insert_rows(session, Suppression, rows))
    return database


def told(database: Database) -> list[tuple]:
    with database.reading() as session:
        found = session.connection().execute(
            _s.select().with_only_columns(_s.c.id, _s.c.last_text, _s.c.held_until, _s.c.bounces).order_by(_s.c.id)
        )
        return [tuple(row) for row in found]


def test_each_row_gets_its_own_values_and_all_get_the_common_ones(filled: Database) -> None:
    rows = [(1, "it's ? %s", AT), (2, "no", None), (3, "", None), (5000, "nobody", None)]
    assert filled.writing(lambda session: TELLING.run(session, rows, count=7)) == 2
    assert told(filled)[:4] == [(1, "it's ? %s", AT, 7), (2, "", None, 0), (3, "", None, 7), (4, "", None, 0)]


def test_more_rows_than_one_statement_takes_are_all_hit(filled: Database) -> None:
    rows = [(key, f"of {key}", AT) for key in range(1, 1001)]
    assert len(rows) * 3 > MOST_PARAMETERS
    assert filled.writing(lambda session: TELLING.run(session, rows, count=1)) == 999
    assert told(filled)[999] == (1000, "of 1000", AT, 1)


def test_a_statement_without_values_of_its_own_and_no_rows_at_all(filled: Database) -> None:
    assert filled.writing(lambda session: COUNTING.run(session, [(4, 3)])) == 1
    assert filled.writing(lambda session: COUNTING.run(session, [])) == 0
    assert told(filled)[3] == (4, "", None, 3)
