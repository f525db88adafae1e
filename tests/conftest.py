"""Real servers on loopback, for all tests."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from core.environment import Environment, read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.services.actor import Actor, Role
from tests.compiled import compile_once
from tests.fakes.token_server import TokenServer, reaching
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postfix import PostfixServer
from tests.servers.postgres import Postgres
from tests.servers.smtp import RuledSink
from tests.servers.tokens import TokenDovecot, TokenSink

MEMORY = Path("/dev/shm")

# Thousands of homes, mailboxes and databases are made and thrown away: in memory that takes a tenth of the time.
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    tempfile.tempdir = str(MEMORY)

# Started in the background the suite would have interrupts ignored, and with it all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long drawing an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


# What is imported and collected lives to the end. Looking through it again and again took a quarter of the time.
gc.disable()
compile_once()


def pytest_collection_finish() -> None:
    gc.freeze()
    # Each test leaves some thousand objects that refer to each other: looking after every 700 took a sixth of the time.
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A good server certificate and the kinds that clients must refuse."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def dovecot(certificates: Certificates) -> Iterator[DovecotServer]:
    """One Dovecot for the whole session; take `dovecot.fresh_user()` and touch no other mail."""
    with DovecotServer(certificates.good, users={}) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(certificates: Certificates) -> Iterator[PostfixServer]:
    """One Postfix for the whole session, with a Dovecot and a sink of its own; take `postfix.fresh_mailbox()`."""
    with PostfixServer(certificates.good) as server:
        yield server


@pytest.fixture
def smtp_sink() -> Iterator[RuledSink]:
    """A sink in clear that asks for no login; `rule()` makes it misbehave."""
    with RuledSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for this test process, each pytest-xdist worker its own; take `postgres.create_database()`.

    A crash of the machine may damage it: it is thrown away. A test about durability makes a `Postgres()` of its own.
    """
    with Postgres(durable=False) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A home of this test's own, with SQLite; nothing is in it yet."""
    return read_environment({}, home=str(tmp_path / "home"))


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a database as a first start makes it, to be copied."""
    url = postgres.create_database()
    with tempfile.TemporaryDirectory() as home:
        open_gateway(read_environment({}, home=home, database_url=url)).close()
    return url.rpartition("/")[2]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as a first start makes it, to be copied: making one takes ten times as long."""
    home = tmp_path_factory.mktemp("template") / "home"
    open_gateway(read_environment({}, home=str(home))).close()
    return home


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, environment: Environment) -> Iterator[Environment]:
    """A home of this test's own on either engine, after a first start."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_template"), environment.home)
        yield environment
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database(request.getfixturevalue("postgres_template"))
    yield read_environment({}, home=str(environment.home), database_url=url)
    # Hundreds of tests, eight megabytes each.
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        name = sql.Identifier(url.rpartition("/")[2])
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def handles(home: Environment) -> Iterator[Handles]:
    """What a process holds open, after a first start, on either engine."""
    opened = open_gateway(home)
    yield opened
    opened.close()


@pytest.fixture
def admin(handles: Handles) -> Actor:
    """Somebody who may do everything."""
    return Actor("anna", handles.host, Role.SUPER_SECURITY_ADMIN)


@pytest.fixture(scope="session")
def introspector() -> Iterator[TokenServer]:
    """Whom the mail servers ask about a token; it knows those of every provider here."""
    with TokenServer() as server:
        yield server


@pytest.fixture(scope="session")
def token_dovecot(certificates: Certificates, introspector: TokenServer) -> Iterator[TokenDovecot]:
    """One Dovecot for the session; take `fresh_user()`."""
    with TokenDovecot(certificates.good, introspector) as server:
        yield server


@pytest.fixture
def token_sink(introspector: TokenServer) -> Iterator[TokenSink]:
    """A submission server that wants a token."""
    with TokenSink(introspector) as sink:
        yield sink


@pytest.fixture
def provider(introspector: TokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A provider of this test's own, reached under Microsoft's and Google's addresses too."""
    with TokenServer() as server, reaching(server, monkeypatch):
        server.access = introspector.access
        yield server
