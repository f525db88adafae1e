"""A provider of the tests, and mail servers that ask it about tokens."""

from collections.abc import Iterator

import pytest

from tests.fakes.token_server import TokenServer, reaching
from tests.servers.certificates import Certificates
from tests.servers.tokens import TokenDovecot, TokenSink


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
