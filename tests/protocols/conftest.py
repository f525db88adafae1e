"""The six kinds of incoming connection on one Dovecot, and servers with certificates to be refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Incoming
from core.protocols.server import Login, Server, Timeouts
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.smtp.connection import SmtpConnection, open_smtp
from core.protocols.tls import Security, TlsTrust
from core.protocols.wire import Wire
from core.secret import Secret
from tests.protocols.smtp.sessions import Opened, place
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.sink import SmtpSink

SHORT = Timeouts(connect=5, login=0.4, command=0.4, settle=0.4)
"""For servers that fall silent on purpose, wherever it is noticed. One that answers may be as slow as the machine is."""

SHORT_AT_LAST = Timeouts(command=2, settle=0.4)
"""For servers that fall silent at a certain point: what they answer before has its time."""

KINDS = [(incoming, security) for incoming in Incoming for security in Security]
KIND_NAMES = [f"{incoming}-{security}" for incoming, security in KINDS]
ENCRYPTED = [(incoming, security) for incoming, security in KINDS if security is not Security.NONE]
ENCRYPTED_NAMES = [f"{incoming}-{security}" for incoming, security in ENCRYPTED]


@dataclass(frozen=True)
class Post:
    """A Dovecot as our configuration names it."""

    dovecot: DovecotServer
    certificates: Certificates

    def server(
        self, incoming: Incoming, security: Security, trust: TlsTrust | None = None, host: str = "localhost"
    ) -> Server:
        ports = self.dovecot.ports
        plain, encrypted = (ports.imap, ports.imaps) if incoming is Incoming.IMAP else (ports.pop3, ports.pop3s)
        return Server(host, encrypted if security is Security.TLS else plain, security, trust or self.trust)

    @property
    def trust(self) -> TlsTrust:
        return TlsTrust(ca=str(self.certificates.good.authority))

    def login(self, user: str) -> Login:
        return Login(user, Secret(self.dovecot.passwords[user]))


@pytest.fixture(scope="session")
def post(dovecot: DovecotServer, certificates: Certificates) -> Post:
    return Post(dovecot, certificates)


@pytest.fixture
def imap(post: Post) -> Iterator[Callable[..., ImapSource]]:
    """Opens IMAP sessions that are dropped after the test."""
    opened: list[ImapSource] = []

    def open_one(user: str, security: Security = Security.NONE, of: DovecotServer | None = None) -> ImapSource:
        place = Post(of, post.certificates) if of else post
        opened.append(open_imap(place.server(Incoming.IMAP, security), place.login(user)))
        return opened[-1]

    yield open_one
    for source in opened:
        source.drop()


@pytest.fixture
def pop3(post: Post) -> Iterator[Callable[..., Pop3Source]]:
    """Opens POP3 sessions that are dropped after the test."""
    opened: list[Pop3Source] = []

    def open_one(user: str, security: Security = Security.NONE, of: DovecotServer | None = None) -> Pop3Source:
        place = Post(of, post.certificates) if of else post
        opened.append(open_pop3(place.server(Incoming.POP3, security), place.login(user)))
        return opened[-1]

    yield open_one
    for source in opened:
        source.drop()


@pytest.fixture(params=["sent ahead", "one by one"])
def smtp(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Opens SMTP connections to a sink, with and without PIPELINING; they are dropped after the test."""
    connections: list[SmtpConnection] = []

    def open_one(sink: SmtpSink, login: Login | None = None, timeouts: Timeouts | None = None) -> SmtpConnection:
        connection = open_smtp(place(sink), login, ehlo_name="client.example", timeouts=timeouts)
        if request.param == "one by one":
            connection._dialogue.features.pop("PIPELINING")
        connections.append(connection)
        return connection

    yield open_one
    for connection in connections:
        connection.drop()


@pytest.fixture
def given_seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that each operation of a wire is given."""
    seconds: list[float] = []
    begin = Wire.begin

    def noted(wire: Wire, phase: str, given: float, budget: int) -> None:
        seconds.append(given)
        begin(wire, phase, given, budget)

    monkeypatch.setattr(Wire, "begin", noted)
    return seconds
