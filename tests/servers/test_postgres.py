"""The private PostgreSQL gives fresh databases and survives a crash with what was committed."""

import psycopg
import pytest

from tests.servers.postgres import Postgres


def test_databases_are_apart(postgres: Postgres) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE here (id int)")
    with psycopg.connect(second) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM here")


def test_a_database_can_be_copied_from_another(postgres: Postgres) -> None:
    first = postgres.create_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE here AS SELECT 7 AS id")
    with psycopg.connect(postgres.create_database(template=first.rsplit("/", 1)[1])) as connection:
        assert connection.execute("SELECT id FROM here").fetchone() == (7,)


def test_committed_rows_survive_a_crash() -> None:
    with Postgres() as server:
        url = server.create_database()
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            connection.execute("CREATE TABLE here AS SELECT 7 AS id")
            connection.commit()
            server.restart()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT id FROM here").fetchone() == (7,)
