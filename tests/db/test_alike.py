"""Both engines alike: one change at a time, one order of names."""

import threading
from dataclasses import replace

import psycopg
from sqlalchemy import select
from sqlmodel import Session

from core.clock import utcnow
from core.db.alike import by_code_point, one_at_a_time
from core.db.bulk import insert_rows, table_of
from core.db.schema import open_database
from core.environment import Environment
from core.handles import Handles
from core.models import Queue, Setting
from tests.servers.postgres import Postgres
from tests.waiting import PATIENCE


def test_one_at_a_time_keeps_a_check_true_until_the_commit(handles: Handles) -> None:
    """Each of two transactions checks that nobody has the place, then takes it: one must find it taken."""
    entered = threading.Barrier(2, timeout=PATIENCE)
    taken: list[bool] = []

    def take(session: Session) -> bool:
        one_at_a_time(session, "place")
        is_free = session.get(Setting, "t.place") is None
        if is_free:
            session.add(Setting(name="t.place", value=1))
            session.flush()
        return is_free

    def run() -> None:
        entered.wait()
        taken.append(handles.database.writing(take))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [False, True]


def test_names_are_ordered_by_code_point_on_either_engine(handles: Handles) -> None:
    names = ["b", "B", "a", "A", "ä", "_", "10", "9"]
    now = utcnow()
    rows = [Queue(name=name, created_at=now, updated_at=now).model_dump(exclude={"id"}) for name in names]
    handles.database.writing(lambda session: insert_rows(session, Queue, rows))
    table = table_of(Queue)

    with handles.database.reading() as session:
        statement = select(table.c.name).where(table.c.name.in_(names)).order_by(by_code_point(session, table.c.name))
        found = list(session.connection().execute(statement).scalars())

    assert found == sorted(names)


def test_the_order_is_that_of_code_points_whatever_the_locale_of_the_server(
    postgres: Postgres, environment: Environment
) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE in_english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    database = open_database(replace(environment, database_url=postgres.url("in_english")))
    now, names = utcnow(), ["b", "B", "a", "A"]
    rows = [Queue(name=name, created_at=now, updated_at=now).model_dump(exclude={"id"}) for name in names]
    database.writing(lambda session: insert_rows(session, Queue, rows))
    column = table_of(Queue).c.name

    with database.reading() as session:
        found = {
            "as it is": list(session.connection().execute(select(column).order_by(column)).scalars()),
            "ours": list(
                session.connection().execute(select(column).order_by(by_code_point(session, column))).scalars()
            ),
        }
    database.close()

    assert found == {"as it is": ["a", "A", "b", "B"], "ours": ["A", "B", "a", "b"]}
