"""IMAP, IMAPS, IMAPTLS, POP3, POP3S and POP3TLS: each logs in, reads what the server serves, and trusts no stranger."""

from collections.abc import Iterator

import pytest

from core.errors import LoginRefused, TlsFailed
from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Incoming
from core.protocols.server import Login, Server
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.source import Source
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests import waiting
from tests.protocols.conftest import ENCRYPTED, ENCRYPTED_NAMES, KIND_NAMES, KINDS, Post
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer

MAILS = [
    b"Subject: plain\r\n\r\nhello\r\n",
    b"Subject: dots\r\n\r\n.\r\n..\r\n...x\r\n.x\r\n\r\n.\r\n",
    b"Subject: long\r\n\r\n" + b"y" * 30_000 + b"\r\n",
    b"Subject: \xe4\xff\r\n\r\n8 bit \x80\x01\r\n",
    b".starts with a dot: x\r\n\r\nbody\r\n",
    b"Subject: large\r\n\r\n" + (b"z" * 70 + b"\r\n") * 20_000,
]


def opened(incoming: Incoming, server: Server, login: Login) -> ImapSource | Pop3Source:
    return (open_imap if incoming is Incoming.IMAP else open_pop3)(server, login)


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_every_message_is_read_exactly_as_served(post: Post, incoming: Incoming, security: Security, host: str) -> None:
    user = post.dovecot.fresh_user()
    post.dovecot.deliver(user, MAILS)
    source: Source = opened(incoming, post.server(incoming, security, host=host), post.login(user))
    folder = "INBOX" if incoming is Incoming.IMAP else ""
    assert source.select(folder, writable=False).exists == len(MAILS)
    keys = source.list_new(folder).keys
    sizes = source.sizes(keys)
    fetched = source.fetch(keys)
    assert [each.key for each in fetched] == list(keys)
    assert [each.raw for each in fetched] == MAILS
    assert [sizes[key] for key in keys] == [each.size for each in fetched] == [len(raw) for raw in MAILS]
    assert source.close() == ()
    assert not source.is_usable


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
def test_the_session_tells_what_it_is(post: Post, incoming: Incoming, security: Security) -> None:
    user = post.dovecot.fresh_user()
    source = opened(incoming, post.server(incoming, security), post.login(user))
    source.drop()
    facts = source.facts
    assert facts.greeting.startswith("Dovecot")
    assert facts.connect_ms > 0
    assert facts.login_ms > 0
    assert {"UIDPLUS", "UIDL"} & facts.capabilities
    assert (facts.tls is not None) == (security is not Security.NONE)
    if facts.tls is not None:
        assert facts.tls.version == "TLSv1.3"
        assert "localhost" in facts.tls.certificate.names
        assert facts.tls.days_left > 1000


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
def test_a_wrong_password_is_refused_for_good_and_not_repeated(
    post: Post, incoming: Incoming, security: Security
) -> None:
    user = post.dovecot.fresh_user()
    with pytest.raises(LoginRefused) as raised:
        opened(incoming, post.server(incoming, security), Login(user, Secret("canary-7c1")))
    assert raised.value.is_permanent
    assert raised.value.phase == "login"
    assert "canary-7c1" not in f"{raised.value} {raised.value.reply} {raised.value!r}"


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("password", ['sp ace"quote\\back', "pässwörd", "{5}", "%s%n"])
def test_passwords_with_special_characters_log_in(
    post: Post, incoming: Incoming, security: Security, password: str
) -> None:
    user = post.dovecot.fresh_user(password=password)
    opened(incoming, post.server(incoming, security), post.login(user)).drop()


@pytest.fixture(scope="module", params=["expired", "wrong_host", "unknown_authority", "self_signed"])
def stranger(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[tuple[str, Post]]:
    """A Dovecot whose certificate must be refused."""
    with DovecotServer(certificates.refused()[request.param], {"ann": "secret"}) as server:
        yield request.param, Post(server, certificates)


SENTENCES = {
    "expired": "expired on 2020-01-01",
    "wrong_host": "not for localhost; it names mail.example.com",
    "unknown_authority": "unknown authority",
    "self_signed": "self-signed",
}


@pytest.mark.parametrize(("incoming", "security"), ENCRYPTED, ids=ENCRYPTED_NAMES)
def test_a_certificate_that_is_not_trusted_ends_it_before_the_password(
    stranger: tuple[str, Post], incoming: Incoming, security: Security
) -> None:
    kind, post = stranger
    user = post.dovecot.fresh_user()
    before = _endings(post.dovecot)
    with pytest.raises(TlsFailed, match=SENTENCES[kind]) as raised:
        opened(incoming, post.server(incoming, security), post.login(user))
    assert raised.value.is_permanent
    assert raised.value.phase == "tls"
    assert "SHA-256: " in str(raised.value), "the sentence must hold what pinning needs"
    waiting.until(lambda: _endings(post.dovecot) > before)  # it is written after we have hung up
    assert f"user=<{user}>" not in post.dovecot.log(), "a password was tried"


def _endings(server: DovecotServer) -> int:
    return server.log().count("Disconnected")


@pytest.mark.parametrize(("incoming", "security"), ENCRYPTED, ids=ENCRYPTED_NAMES)
def test_a_pinned_certificate_is_trusted_whatever_else_is_wrong_with_it(
    stranger: tuple[str, Post], incoming: Incoming, security: Security
) -> None:
    _, post = stranger
    with pytest.raises(TlsFailed) as raised:
        opened(incoming, post.server(incoming, security), post.login("ann"))
    shown = str(raised.value).partition("SHA-256: ")[2].rstrip(")")
    for spelled in (shown, shown.lower().replace(":", "")):
        trusted = post.server(incoming, security, TlsTrust(fingerprint=spelled))
        source = opened(incoming, trusted, post.login("ann"))
        source.drop()
        assert source.facts.tls is not None
        assert source.facts.tls.fingerprint == shown


@pytest.mark.parametrize(("incoming", "security"), ENCRYPTED, ids=ENCRYPTED_NAMES)
def test_another_certificate_than_the_pinned_one_is_refused_though_its_chain_is_good(
    post: Post, incoming: Incoming, security: Security
) -> None:
    user = post.dovecot.fresh_user()
    pinned = TlsTrust(ca=post.trust.ca, fingerprint="ab" * 32)
    with pytest.raises(TlsFailed, match="another certificate than the pinned"):
        opened(incoming, post.server(incoming, security, pinned), post.login(user))


@pytest.mark.parametrize("incoming", Incoming)
def test_tls_on_a_port_in_clear_says_so(post: Post, incoming: Incoming) -> None:
    plain = post.server(incoming, Security.NONE)
    with pytest.raises(TlsFailed, match="does not speak TLS on this port"):
        opened(incoming, Server(plain.host, plain.port, Security.TLS, plain.trust), Login("ann", Secret("secret")))
