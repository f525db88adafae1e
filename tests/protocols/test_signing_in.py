"""Signing in where the server takes no password as it is, to real servers."""

from collections.abc import Iterator

import pytest

from core.errors import LoginRefused
from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Incoming, probe_smtp
from core.protocols.server import Login, Server
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Direction, Spoken, Transcript
from core.secret import Secret
from tests.protocols.conftest import KIND_NAMES, KINDS, Post
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postfix import PostfixServer
from tui.demo.dovecot_config import DovecotOptions

CHALLENGED = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")
CANARY = "canary-7c4"
LOGIN = Login("ann", Secret(CANARY))


@pytest.fixture(scope="module", params=CHALLENGED)
def strict_post(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[tuple[Post, str]]:
    """A Dovecot that takes no password as it is, and one mechanism alone."""
    options = DovecotOptions(plaintext_login=False, extra=f"auth_mechanisms = {request.param}")
    with DovecotServer(certificates.good, users={}, options=options) as server:
        yield Post(server, certificates), request.param


@pytest.fixture(scope="module")
def choosy_post(certificates: Certificates) -> Iterator[Post]:
    """A Dovecot that offers all of them and can check what a user's password is kept for."""
    options = DovecotOptions(extra=f"auth_mechanisms = {' '.join(CHALLENGED)}\nauth_cache_size = 0")
    with DovecotServer(certificates.good, users={}, options=options) as server:
        yield Post(server, certificates)


def opened(
    post: Post,
    incoming: Incoming,
    security: Security,
    login: Login,
    spoken: list[Spoken] | None = None,
) -> ImapSource | Pop3Source:
    transcript = None if spoken is None else Transcript(spoken.append)
    place = post.server(incoming, security, host=post.dovecot.host)
    return (open_imap if incoming is Incoming.IMAP else open_pop3)(place, login, transcript=transcript)


def begun_with(spoken: list[Spoken]) -> list[str]:
    """The mechanisms that were begun with, in order."""
    lines = (each.text.replace("AUTHENTICATE", "AUTH").split() for each in spoken if each.direction is Direction.SENT)
    return [words[words.index("AUTH") + 1] for words in lines if "AUTH" in words]


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("password", ["pencil", "Bleistift-\u00fc\u20ac", "u\u0308\u00a0\u00ad\u2168", 'a,b=c "d" \\'])
def test_a_server_that_takes_one_mechanism_alone(
    strict_post: tuple[Post, str], incoming: Incoming, security: Security, password: str
) -> None:
    post, mechanism = strict_post
    user = post.dovecot.fresh_user(password=password)
    if mechanism.startswith("SCRAM"):
        post.dovecot.keep_as(user, mechanism)
    spoken: list[Spoken] = []
    source = opened(post, incoming, security, Login(user, Secret(password)), spoken)
    source.select("INBOX", writable=False) if isinstance(source, ImapSource) else source.select(writable=False)
    source.close()
    assert begun_with(spoken) == [mechanism]


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
def test_a_wrong_password_is_refused_and_told_with_what_was_tried(
    strict_post: tuple[Post, str], incoming: Incoming, security: Security
) -> None:
    post, mechanism = strict_post
    user = post.dovecot.fresh_user()
    with pytest.raises(LoginRefused) as raised:
        opened(post, incoming, security, Login(user, Secret(CANARY)))
    assert mechanism in raised.value.ways.partition(";")[0]
    assert CANARY not in f"{raised.value}{raised.value.ways}{raised.value.reply}"


@pytest.mark.parametrize("kept", CHALLENGED)
@pytest.mark.parametrize("incoming", Incoming)
def test_what_the_server_can_check_is_found_and_goes_first_the_next_time(
    choosy_post: Post, incoming: Incoming, kept: str
) -> None:
    user = choosy_post.dovecot.fresh_user()
    choosy_post.dovecot.keep_as(user, kept)
    login = choosy_post.login(user)
    tried: list[Spoken] = []
    opened(choosy_post, incoming, Security.TLS, login, tried).close()
    assert begun_with(tried) == list(CHALLENGED[: CHALLENGED.index(kept) + 1])
    again: list[Spoken] = []
    opened(choosy_post, incoming, Security.TLS, login, again).close()
    assert begun_with(again) == [kept]


def test_the_form_of_a_password_that_the_server_reckons_with_goes_first_the_next_time(choosy_post: Post) -> None:
    user = choosy_post.dovecot.fresh_user(password="\u00fc")
    choosy_post.dovecot.keep_as(user, "SCRAM-SHA-256")
    begun = []
    for _ in range(2):
        spoken: list[Spoken] = []
        opened(choosy_post, Incoming.IMAP, Security.TLS, Login(user, Secret("u\u0308")), spoken).close()
        begun.append(begun_with(spoken))
    assert begun == [["SCRAM-SHA-256", "SCRAM-SHA-256"], ["SCRAM-SHA-256"]]


def test_a_password_that_was_refused_is_not_tried_in_other_ways(choosy_post: Post) -> None:
    """Servers count failed logins, and lock out who has too many."""
    user = choosy_post.dovecot.fresh_user()
    spoken: list[Spoken] = []
    with pytest.raises(LoginRefused):
        opened(choosy_post, Incoming.IMAP, Security.TLS, Login(user, Secret("wrong")), spoken)
    assert begun_with(spoken) == ["SCRAM-SHA-256"]


@pytest.mark.parametrize("mechanism", CHALLENGED)
def test_a_relay_that_takes_one_mechanism_alone(certificates: Certificates, mechanism: str) -> None:
    with PostfixServer(certificates.good, mechanism.lower()) as relay:
        user, address = relay.fresh_mailbox()
        trust = TlsTrust(ca=str(certificates.good.authority))
        place = Server(relay.host, relay.submission_port, Security.STARTTLS, trust)
        login = Login(user, Secret(relay.dovecot.passwords[user]))
        steps = {step.step: step for step in probe_smtp(place, login, "client.example", address, "to@example.net")}
        assert steps["login"].detail == f"{user} ({mechanism})"
        assert steps["data"].ok
        *_, refused = probe_smtp(place, Login(user, Secret("wrong")), "client.example", address, "to@example.net")
        assert (refused.step, refused.cause) == ("login", "password")
        assert f"Tried {mechanism}; the server offers {mechanism}." in refused.detail


def test_no_transcript_holds_what_passwords_can_be_tried_against(choosy_post: Post) -> None:
    """Number, salt and the server's signature are enough, without our proof."""
    user = choosy_post.dovecot.fresh_user()
    for incoming in Incoming:
        spoken: list[Spoken] = []
        opened(choosy_post, incoming, Security.TLS, choosy_post.login(user), spoken).close()
        challenges = [each.text for each in spoken if each.text.startswith("+ ") or each.text == "+"]
        assert len(challenges) >= 2
        assert set(challenges) == {"+ ****"}
        assert spoken[-1].text != "+ ****"
