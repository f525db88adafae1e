"""Real servers on loopback, for all tests."""

from collections.abc import Iterator

import pytest

from tests.servers.certificates import Certificates, make_certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postgres import Postgres
from tests.servers.smtp import RuledSink


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A good server certificate and the kinds that clients must refuse."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def dovecot(certificates: Certificates) -> Iterator[DovecotServer]:
    """One Dovecot for the whole session; take `dovecot.fresh_user()` and touch no other mail."""
    with DovecotServer(certificates.good, users={}) as server:
        yield server


@pytest.fixture
def smtp_sink() -> Iterator[RuledSink]:
    """A sink in clear that asks for no login; `rule()` makes it misbehave."""
    with RuledSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for this test process, each pytest-xdist worker its own; take `postgres.create_database()`.

    Without fsync: it is thrown away. A test about durability makes a `Postgres()` of its own.
    """
    with Postgres(durable=False) as server:
        yield server
