"""A PostgreSQL server as administrators set it up: how it is named, and what they set for all who connect."""

import psycopg
import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.clock import utcnow
from core.db import server
from core.db.bulk import insert_rows
from core.db.commits import number_of
from core.db.doors import Database
from core.db.schema import open_database
from core.environment import read_environment
from core.errors import ConfigurationError, StoreBusy
from core.handles import Handles
from core.models import Message, RawMessage, Setting
from tests.accounts import ON_POSTGRES
from tests.servers.postgres import Postgres


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:p%40%2F@db:6000/mail", {"user": "u", "password": "p@/", "host": "db", "port": 6000, "dbname": "mail"}),
        ("postgresql://[::1]/mail", {"host": "::1", "dbname": "mail"}),
        ("postgresql://%2Frun%2Fpostgresql/mail", {"host": "/run/postgresql", "dbname": "mail"}),
        ("postgresql:///?service=mail", {"service": "mail"}),
        (
            "postgresql://u@a:1,b:2/mail?target_session_attrs=read-write",
            {"user": "u", "host": "a,b", "port": "1,2", "dbname": "mail", "target_session_attrs": "read-write"},
        ),
        ("postgresql://u@[::1],b:2/mail", {"user": "u", "host": "::1,b", "port": ",2", "dbname": "mail"}),
        ("postgresql://[::1]:1,[::2]:2/mail", {"host": "::1,::2", "port": "1,2", "dbname": "mail"}),
    ],
    ids=["a password", "IPv6", "a socket", "a service", "several hosts", "IPv6 and a name", "twice IPv6"],
)  # fmt: skip
def test_a_url_says_what_it_says_to_postgresqls_own_programs(url: str, told: dict[str, object]) -> None:
    assert {key: value for key, value in server.server_of(url).items() if value} == told


@pytest.mark.parametrize(
    "url", ["postgresql://u:hush@lush@db/mail", "postgresql://u:hu:sh@lu:sh@db/mail", "postgresql://db:x/mail"]
)
def test_one_that_cannot_be_read_is_refused_without_what_may_be_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as told:
        server.server_of(url)
    assert "sh" not in str(told.value).replace("shown", "")


def test_a_parameter_that_libpq_does_not_know_is_named() -> None:
    with pytest.raises(ConfigurationError, match='invalid connection option "sslmodus"'):
        server.server_of("postgresql://db/mail?sslmodus=require")


def test_no_password_is_shown_wherever_it_stands() -> None:
    several = "postgresql://u:hush@a:1,b:2/mail?password=hush&sslmode=require"
    assert server.without_password(several) == "postgresql://u:***@a:1,b:2/mail?password=***&sslmode=require"
    assert server.without_password("postgresql://db:6000/mail") == "postgresql://db:6000/mail"


@ON_POSTGRES
def test_what_is_set_for_all_who_connect_changes_nothing_for_us(handles: Handles) -> None:
    url = handles.environment.database_url
    with psycopg.connect(url, autocommit=True) as owner:
        for setting in (
            "default_transaction_isolation = serializable", "timezone = 'Asia/Kathmandu'", "datestyle = 'SQL, DMY'",
            "client_encoding = latin1", "synchronous_commit = off", "jit = on",
        ):  # fmt: skip
            owner.execute(f'ALTER DATABASE "{owner.info.dbname}" SET {setting}')  # type: ignore[call-overload]
    database = Database(url)
    shown = ("transaction_isolation", "timezone", "datestyle", "client_encoding", "synchronous_commit", "jit")

    def work(session: object) -> list[str]:
        connection = session.connection()  # type: ignore[attr-defined]
        session.add(Setting(name="t.euro", value="€"))  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        assert number_of(connection) is not None
        return [connection.execute(text(f"SHOW {one}")).scalar_one() for one in shown]

    assert database.writing(work) == ["read committed", "UTC", "ISO, DMY", "UTF8", "on", "off"]
    database.close()


@pytest.mark.parametrize(
    ("chosen", "packing"), [(None, "lz4"), ("pglz", "pglz")], ids=["by itself", "an administrator"]
)
@ON_POSTGRES
def test_mail_is_packed_fast_unless_somebody_chose_how(handles: Handles, chosen: str | None, packing: str) -> None:
    url = handles.environment.database_url
    if chosen is not None:
        with psycopg.connect(url, autocommit=True) as owner:
            set_it = f'ALTER DATABASE "{owner.info.dbname}" SET default_toast_compression = {chosen}'
            owner.execute(set_it)  # type: ignore[call-overload]
    database = Database(url)
    packed = "SELECT pg_column_compression(data) FROM raw_message"

    def work(session: Session) -> object:
        message = Message(id=1, account_id=1, received_at=utcnow(), state="recorded").model_dump()
        insert_rows(session, Message, [message])
        insert_rows(session, RawMessage, [{"message_id": 1, "data": b"the same again " * 1000}])
        return session.connection().exec_driver_sql(packed).scalar_one()

    assert database.writing(work) == packing
    database.close()


@ON_POSTGRES
def test_a_connection_that_the_server_has_ended_is_not_used_again(handles: Handles) -> None:
    url = handles.environment.database_url
    database = Database(url)
    numbers = []
    for _ in range(3):
        with database.reading() as session:
            numbers.append(session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        if len(numbers) == 2:
            with psycopg.connect(url, autocommit=True) as owner:
                assert owner.execute("SELECT pg_terminate_backend(%s, 10000)", (numbers[0],)).fetchone() == (True,)
    assert numbers[0] == numbers[1] != numbers[2]
    database.close()


@ON_POSTGRES
def test_behind_a_pooler_nothing_is_prepared(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = server.server_engine(handles.environment.database_url, query_only=True)
    with engine.connect() as connection:
        assert connection.connection.driver_connection.prepare_threshold is not None  # type: ignore[union-attr]
    engine.dispose()
    # A pooler gives itself out as the server, with a process of its own.
    monkeypatch.setattr(
        server, "_GREETING", server._GREETING.replace("SELECT pg_backend_pid()", "SELECT pg_backend_pid() + 1")
    )
    with engine.connect() as connection:
        assert connection.connection.driver_connection.prepare_threshold is None  # type: ignore[union-attr]
    engine.dispose()


@ON_POSTGRES
def test_nobody_waits_for_ever_behind_a_table_that_is_rebuilt(
    handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "'30s'" in server._GREETING
    monkeypatch.setattr(server, "_GREETING", server._GREETING.replace("'30s'", "'50ms'"))
    database = Database(handles.environment.database_url, patience=0.1)
    with psycopg.connect(handles.environment.database_url) as other:
        other.execute("LOCK TABLE queue IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreBusy, match="lock timeout"), database.reading() as session:
            session.connection().execute(text("SELECT 1 FROM queue"))
        with pytest.raises(StoreBusy, match="lock timeout"):
            database.writing(lambda session: session.connection().execute(text("DELETE FROM queue")))
    database.close()


def test_a_database_of_another_encoding_is_refused(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as owner:
        owner.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ConfigurationError, match=r"database latin is encoded in LATIN1.+createdb --encoding=UTF8"):
        open_database(read_environment({}, database_url=postgres.url("latin")))


def test_a_server_that_is_down_is_out_of_reach_by_its_socket_too(postgres: Postgres) -> None:
    url = f"postgresql://postgres@/mail?host={postgres.folder}&port=1"
    with pytest.raises(StoreBusy, match=r"out of reach \(connection is bad.+No such file"):
        open_database(read_environment({}, database_url=url))


def test_what_libpq_does_not_even_try_is_configuration(postgres: Postgres) -> None:
    with pytest.raises(ConfigurationError, match="cannot be asked for: invalid sslmode value"):
        open_database(read_environment({}, database_url=postgres.url("postgres") + "?sslmode=sometimes"))
