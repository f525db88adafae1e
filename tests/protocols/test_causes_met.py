"""Every cause of the table, met by a test of a connection: on a real server where one does it, else on a scripted one."""

import errno
import socket
import ssl
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from core.protocols import resolve
from core.protocols.causes import CAUSES
from core.protocols.probe import Incoming, Step, probe_incoming, probe_smtp
from core.protocols.server import Login, Server, Timeouts
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.protocols.conftest import SHORT, SHORT_AT_LAST, Post
from tests.protocols.scripted import Answer, ScriptedServer, Talk, imap_script, line_script
from tests.servers.certificates import Certificates
from tests.servers.smtp import Phase as At
from tests.servers.smtp import RuledSink
from tui.demo.certificates import LOOPBACK, ServerCertificate, write
from tui.demo.ports import free_port

LOGIN = Login("ann", Secret("canary-5a5"))
CAUSE = {cause.name: cause for cause in CAUSES}


@dataclass(frozen=True)
class Scene:
    """What the tests below share: where servers are, and what clients trust."""

    post: Post
    certificates: Certificates
    folder: Path

    @property
    def trust(self) -> TlsTrust:
        return TlsTrust(ca=str(self.certificates.good.authority))


@pytest.fixture
def scene(post: Post, certificates: Certificates, tmp_path: Path) -> Scene:
    return Scene(post, certificates, tmp_path)


def imap(server: Server, timeouts: Timeouts | None = None) -> Iterable[Step]:
    return probe_incoming(server, LOGIN, Incoming.IMAP, timeouts=timeouts)


def pop3(server: Server) -> Iterable[Step]:
    return probe_incoming(server, LOGIN, Incoming.POP3)


def smtp(server: Server, login: Login | None = LOGIN) -> Iterable[Step]:
    return probe_smtp(server, login, "client.example", "from@example.com", "to@example.com")


def failed(steps: Iterable[Step], cause: str, step: str) -> None:
    """The last step failed for this cause; the ones before went well, and it says what to change."""
    *before, last = steps
    assert all(each.ok for each in before)
    assert (last.ok, last.cause, last.step) == (False, cause, step), last.detail
    assert last.detail.endswith(CAUSE[cause].advice)
    assert "canary" not in last.detail


# -- the way to the server ----------------------------------------------------------------------------------------------


def test_port() -> None:
    failed(imap(Server("127.0.0.1", 99_999)), "port", "resolve")


@pytest.mark.parametrize(("number", "cause"), [(socket.EAI_NONAME, "unknown host"), (socket.EAI_AGAIN, "name server")])
def test_name(monkeypatch: pytest.MonkeyPatch, number: int, cause: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "x")

    monkeypatch.setattr(resolve.socket, "getaddrinfo", fail)
    failed(imap(Server("mail.invalid", 993)), cause, "resolve")


def test_refused() -> None:
    failed(imap(Server("127.0.0.1", free_port())), "refused", "connect")


@pytest.mark.parametrize(
    ("failure", "port", "cause"),
    [
        (OSError(errno.ENETUNREACH, "no route"), 993, "no route"),
        (TimeoutError(), 25, "no answer"),
        (TimeoutError(), 587, "firewall"),
    ],
)
def test_way(monkeypatch: pytest.MonkeyPatch, failure: OSError, port: int, cause: str) -> None:
    def fail(*_: object) -> socket.socket:
        raise failure

    monkeypatch.setattr(resolve._Attempts, "first_to_answer", fail)
    failed(smtp(Server("127.0.0.1", port)), cause, "connect")


# -- TLS ----------------------------------------------------------------------------------------------------------------


def served_with(
    certificate: ServerCertificate, change: Callable[[ssl.SSLContext], None] | None = None
) -> ScriptedServer:
    context = certificate.server_context()
    if change is not None:
        change(context)
    return ScriptedServer(lambda talk: (talk.secure_with(context), imap_script()(talk)))


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("expired", "certificate expired"),
        ("wrong_host", "wrong host in certificate"),
        ("self_signed", "self-signed"),
        ("unknown_authority", "unknown authority"),
    ],
)
def test_certificate(scene: Scene, kind: str, cause: str) -> None:
    with served_with(scene.certificates.refused()[kind]) as server:
        failed(imap(server.server(Security.TLS, scene.trust)), cause, "tls")


def test_certificate_not_valid_yet(scene: Scene) -> None:
    authority = trustme.CA()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = authority.issue_cert(*LOOPBACK, not_before=tomorrow, not_after=tomorrow + timedelta(days=9))
    certificate = write(scene.folder, "early", authority, early)
    with served_with(certificate) as server:
        trust = TlsTrust(ca=str(certificate.authority))
        failed(imap(server.server(Security.TLS, trust)), "certificate not valid yet", "tls")


@pytest.mark.parametrize(
    ("trust", "cause"),
    [
        (TlsTrust(fingerprint="ab" * 32), "other pin"),
        (TlsTrust(fingerprint="abc"), "fingerprint"),
        (TlsTrust(ca="/no/such/file.pem"), "extra CA"),
    ],
)
def test_trust(scene: Scene, trust: TlsTrust, cause: str) -> None:
    failed(imap(replace(scene.post.server(Incoming.IMAP, Security.TLS), trust=trust)), cause, "tls")


def test_no_tls_on_this_port(scene: Scene) -> None:
    plain = scene.post.server(Incoming.IMAP, Security.NONE)
    failed(imap(replace(plain, security=Security.TLS)), "no TLS on this port", "tls")


def _old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def _weak(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK:@SECLEVEL=0")


def _wants_client(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("change", "cause"), [(_old, "TLS too old"), (_weak, "weak TLS"), (_wants_client, "client certificate")]
)
def test_handshake(scene: Scene, change: Callable[[ssl.SSLContext], None], cause: str) -> None:
    with served_with(scene.certificates.good, change) as server:
        failed(imap(server.server(Security.TLS, scene.trust)), cause, "tls")


def test_tls(scene: Scene) -> None:
    # A record that is TLS and makes no sense: an alert of a kind that does not exist.
    with ScriptedServer(lambda talk: (talk.send(b"\x15\x03\x03\x00\x02\x02\xff"), talk.stay_silent())) as server:
        failed(imap(server.server(Security.TLS, scene.trust)), "TLS", "tls")


def test_no_starttls() -> None:
    with RuledSink() as sink:
        failed(smtp(Server("localhost", sink.port, Security.STARTTLS)), "no STARTTLS", "tls")


def test_starttls_refused(scene: Scene) -> None:
    from tui.demo.sink_session import Security as SinkSecurity

    with RuledSink(SinkSecurity.STARTTLS, scene.certificates.good) as sink:
        sink.rule(At.STARTTLS, "454 4.7.0 TLS not available")
        failed(smtp(Server("localhost", sink.port, Security.STARTTLS, scene.trust)), "STARTTLS refused", "tls")
    capabilities = b"* CAPABILITY IMAP4rev1 STARTTLS"
    with ScriptedServer(imap_script({b"STARTTLS": (b"%s NO not now",)}, capabilities=capabilities)) as server:
        failed(imap(server.server(Security.STARTTLS)), "STARTTLS refused", "tls")


# -- greeting -----------------------------------------------------------------------------------------------------------


def test_tls_port_without_tls() -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        failed(imap(server.server(), SHORT), "TLS port without TLS", "greeting")


def test_turned_away() -> None:
    # Courier, with too many connections from one address.
    with ScriptedServer(Talk.close) as server:
        failed(imap(server.server()), "turned away", "greeting")


def test_not_this_protocol(scene: Scene) -> None:
    with RuledSink() as sink:
        failed(imap(Server("localhost", sink.port, Security.NONE)), "not this protocol", "greeting")


# -- signing in: what servers say ---------------------------------------------------------------------------------------


@contextmanager
def imap_saying(command: bytes, *answer: bytes) -> Iterator[Server]:
    with ScriptedServer(imap_script({command: answer})) as server:
        yield server.server()


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (b"[PRIVACYREQUIRED] Plaintext authentication disallowed", "password in clear"),
        (b"[ALERT] Application-specific password required (Failure)", "app password"),
        (b"[ALERT] Please log in via your web browser (Failure)", "browser login"),
        (b"Basic authentication is disabled", "basic authentication off"),
        (b"AUTHENTICATE failed.", "token"),
        (b"[EXPIRED] Change your password", "password expired"),
        (b"[AUTHORIZATIONFAILED] User is not enabled", "account blocked"),
        (b"[AUTHENTICATIONFAILED] Authentication failed.", "password"),
        (b"[LIMIT] Maximum number of connections from user+IP exceeded", "connection limit"),
        (b"[UNAVAILABLE] Server Unavailable. 15", "server busy"),
    ],
)
def test_login(words: bytes, cause: str) -> None:
    with imap_saying(b"LOGIN", b"%s NO " + words) as server:
        failed(imap(server), cause, "login")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (b"[IN-USE] Another session has it open", "mailbox in use"),
        (b"[LOGIN-DELAY] Minimum time between logins is 15 minutes", "asked too often"),
    ],
)
def test_pop3_login(words: bytes, cause: str) -> None:
    with ScriptedServer(
        line_script(b"+OK ready", {b"PASS": (b"-ERR " + words,), b"CAPA": (b"-ERR",)}, b"+OK")
    ) as server:
        failed(pop3(server.server()), cause, "login")


def test_a_wrong_password_on_a_real_server(scene: Scene) -> None:
    failed(imap(scene.post.server(Incoming.IMAP, Security.TLS)), "password", "login")


@pytest.mark.parametrize(
    ("mechanisms", "cause"),
    [
        (b"250-AUTH DIGEST-MD5", "login mechanism"),
        (b"250-AUTH GSSAPI NTLM", "domain login"),
        (b"250-AUTH XOAUTH2", "basic authentication off"),
        (b"250-8BITMIME", "no login here"),
    ],
)
def test_what_the_relay_offers(mechanisms: bytes, cause: str) -> None:
    script = line_script(b"220 relay", {b"EHLO": (b"250-relay", mechanisms, b"250 SIZE")}, b"250 ok")
    with ScriptedServer(script) as server:
        failed(smtp(server.server()), cause, "login")


def test_a_sign_in_profile_where_no_tokens_are_taken() -> None:
    script = line_script(b"220 relay", {b"EHLO": (b"250-relay", b"250 AUTH PLAIN LOGIN")}, b"250 ok")
    with ScriptedServer(script) as server:
        *_, last = smtp(server.server(), Login("ann", token=lambda: "canary-5a5"))
    assert (last.cause, last.step) == ("no tokens", "login")
    assert "it offers LOGIN, PLAIN" in last.detail


def test_impostor() -> None:
    answers: dict[bytes, Answer] = {
        b"EHLO": (b"250-relay", b"250 AUTH SCRAM-SHA-256"),
        b"AUTH": (b"235 2.7.0 Welcome",),
    }
    with ScriptedServer(line_script(b"220 relay", answers, b"250 ok")) as server:
        failed(smtp(server.server()), "impostor", "login")


# -- the mailbox --------------------------------------------------------------------------------------------------------


def test_folder(scene: Scene) -> None:
    user = scene.post.dovecot.fresh_user()
    server = scene.post.server(Incoming.IMAP, Security.TLS)
    login = scene.post.login(user)
    failed(probe_incoming(server, login, Incoming.IMAP, "Nowhere"), "folder", "folder")


def test_over_quota() -> None:
    with imap_saying(b"EXAMINE", b"%s NO [OVERQUOTA] The mailbox is full") as server:
        failed(imap(server), "over quota", "folder")


def test_a_folder_that_this_login_may_not_open() -> None:
    with imap_saying(b"EXAMINE", b"%s NO Permission denied") as server:
        failed(imap(server), "no right", "folder")


def test_a_login_that_opens_no_mailbox() -> None:
    with imap_saying(b"EXAMINE", b"%s BAD User is authenticated but not connected.") as server:
        failed(imap(server), "mailbox not opened", "folder")


def test_a_handshake_that_never_ends() -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        place = Server("127.0.0.1", server.port, Security.TLS)
        failed(imap(place, Timeouts(connect=1)), "large packets lost", "tls")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Talk.stay_silent, "too slow"),
        (Talk.close, "cut"),
        ((b"* BYE [ALERT] Down until six",), "session ended"),
        ((b"* OK", b"%s OK done"), "out of step"),
    ],
)
def test_in_the_middle(answer: tuple[bytes, ...] | Callable[[Talk], object], cause: str) -> None:
    with ScriptedServer(imap_script({b"EXAMINE": answer})) as server:
        failed(imap(server.server(), SHORT_AT_LAST), cause, "folder")


# -- sending ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "reply", "step", "cause"),
    [
        (At.CONNECT, "554 5.7.1 go away", "greeting", "blocked address"),
        (At.CONNECT, "421 4.7.0 Try again later", "greeting", "going away"),
        (At.MAIL, "421 4.3.2 Shutting down", "mail_from", "going away"),
        (At.EHLO, "550 5.7.1 Bad HELO", "ehlo", "EHLO name"),
        (At.AUTH, "454 4.7.0 Temporary authentication failure", "login", "login out of order"),
        (At.AUTH, "538 5.7.11 Encryption required", "login", "password in clear"),
        (At.MAIL, "530 5.7.0 Must issue a STARTTLS command first", "mail_from", "TLS wanted"),
        (At.MAIL, "530 5.7.0 Authentication required", "mail_from", "login needed"),
        (At.MAIL, "450 4.1.8 <from@example.com>: Sender address rejected: Domain not found", "mail_from", "sender's domain"),
        (At.RCPT, "550 5.7.23 SPF validation failed", "rcpt_to", "sender's policy"),
        (At.MAIL, "550 5.7.60 Client does not have permissions to send as this sender", "mail_from", "sender not allowed"),
        (At.RCPT, "554 5.7.1 <to@example.com>: Relay access denied", "rcpt_to", "relay denied"),
        (At.RCPT, "554 5.7.1 Service unavailable; blocked using zen.spamhaus.org", "rcpt_to", "listed address"),
        (At.RCPT, "550 5.1.1 <to@example.com>: User unknown", "rcpt_to", "recipient unknown"),
        (At.RCPT, "450 4.2.0 Greylisted", "rcpt_to", "greylisting"),
        (At.DATA, "552 5.3.4 Message size exceeds fixed limit", "data", "too large"),
        (At.MAIL, "452 4.3.1 Insufficient system storage", "mail_from", "server full"),
        (At.MAIL, "451 4.7.1 Later", "mail_from", "not now"),
        (At.MAIL, "550 5.1.0 No", "mail_from", "sender refused"),
        (At.RCPT, "550 5.2.1 Mailbox disabled", "rcpt_to", "recipient refused"),
        (At.DATA, "554 5.5.1 No valid recipients", "data", "no mail taken"),
    ],
)  # fmt: skip
def test_refusal(at: At, reply: str, step: str, cause: str) -> None:
    with RuledSink(users={"ann": "canary-5a5"}) as sink:
        sink.rule(at, reply)
        failed(smtp(Server("localhost", sink.port, Security.NONE)), cause, step)


# -- all of them --------------------------------------------------------------------------------------------------------


def test_every_cause_of_the_table_is_met_above() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert len(CAUSES) >= 25
    assert [cause.name for cause in CAUSES if f'"{cause.name}"' not in text] == []
