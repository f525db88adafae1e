"""Testing a connection: a step a line, and a failed one says what to change and leaves nothing behind."""

from collections.abc import Iterator

import pytest

from core import clock
from core.protocols.probe import Incoming, Step, probe_incoming, probe_smtp
from core.protocols.server import Login, Server
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Spoken, Transcript
from core.secret import Secret
from tests.protocols.conftest import KIND_NAMES, KINDS, SHORT, Post
from tests.protocols.scripted import ScriptedServer, Talk, line_script
from tests.servers.certificates import Certificates
from tests.servers.smtp import Phase as At
from tests.servers.smtp import RuledSink
from tui.demo.ports import free_port
from tui.demo.sink_session import Security as SinkSecurity

LOGIN = Login("ann", Secret("canary-5a5"))


def names(steps: Iterator[Step]) -> list[str]:
    return [step.step for step in steps]


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
def test_each_step_of_a_good_connection_is_told(post: Post, incoming: Incoming, security: Security) -> None:
    user = post.dovecot.fresh_user()
    post.dovecot.append(user, b"Subject: x\r\n\r\n", internal_date='"01-Feb-2024 03:04:05 +0000"')
    post.dovecot.append(user, b"Subject: y\r\n\r\n")
    began = clock.monotonic()
    steps = list(probe_incoming(post.server(incoming, security), post.login(user), incoming))
    took = clock.elapsed_ms(began)
    order = {
        Security.NONE: ["resolve", "connect", "greeting", "login", "folder", "count"],
        Security.STARTTLS: ["resolve", "connect", "greeting", "tls", "login", "folder", "count"],
        Security.TLS: ["resolve", "connect", "tls", "greeting", "login", "folder", "count"],
    }
    assert names(iter(steps)) == order[security]
    assert all(step.ok for step in steps)
    assert 0 < sum(step.ms for step in steps) <= took + len(steps)  # each is rounded
    details = {step.step: step.detail for step in steps}
    assert details["resolve"].startswith(("127.0.0.1", "::1"))
    assert details["login"] == f"{user} ({'PLAIN' if incoming is Incoming.IMAP else 'USER and PASS'})"
    assert details["count"] == ("2 messages, oldest 2024-02-01" if incoming is Incoming.IMAP else "2 messages")
    if security is not Security.NONE:
        assert details["tls"].startswith("TLSv1.3, TLS_AES_256_GCM_SHA384, localhost, ")
        assert details["tls"].endswith(" days left")


def test_the_oldest_is_found_wherever_it_stands(post: Post) -> None:
    user = post.dovecot.fresh_user()
    for day in ("03-Mar-2024", "01-Feb-2019", "02-Feb-2019"):
        post.dovecot.append(user, b"Subject: x\r\n\r\n", internal_date=f'"{day} 03:04:05 +0000"')
    steps = list(probe_incoming(post.server(Incoming.IMAP, Security.TLS), post.login(user), Incoming.IMAP))
    assert steps[-1].detail == "3 messages, oldest 2019-02-01"


RECEIVED = b"Received: from a by b;\r\n\tWed, 6 Mar 2019 10:00:00 +0100"


@pytest.mark.parametrize(
    ("top", "line"),
    [
        ((b"+OK", RECEIVED, b"Date: Mon, 4 Mar 2019 10:00:00 +0000", b"", b"."), "1 message, oldest 2019-03-06"),
        ((b"+OK", b"Date: Mon, 4 Mar 2019 10:00:00 +0000", b"", b"."), "1 message, oldest 2019-03-04"),
        ((b"+OK", b"Date: soon", b"", b"."), "1 message"),
        ((b"-ERR unknown command",), "1 message"),
    ],
)
def test_pop3_tells_the_oldest_where_its_first_header_does(top: tuple[bytes, ...], line: str) -> None:
    answers = {b"UIDL": (b"+OK", b"1 a", b"."), b"STAT": (b"+OK 1 10",), b"TOP": top, b"CAPA": (b"-ERR",)}
    with ScriptedServer(line_script(b"+OK ready", answers, b"+OK")) as server:
        steps = list(probe_incoming(server.server(), LOGIN, Incoming.POP3))
    assert (steps[-1].step, steps[-1].detail) == ("count", line)


def test_nothing_is_changed_by_a_test(post: Post) -> None:
    user = post.dovecot.fresh_user()
    post.dovecot.deliver(user, [b"Subject: x\r\n\r\n"])
    list(probe_incoming(post.server(Incoming.IMAP, Security.TLS), post.login(user), Incoming.IMAP))
    assert all(r"\Seen" not in mail.flags for mail in post.dovecot.mails(user))


def test_a_missing_folder_is_told_after_the_login(post: Post) -> None:
    user = post.dovecot.fresh_user()
    steps = list(probe_incoming(post.server(Incoming.IMAP, Security.TLS), post.login(user), Incoming.IMAP, "Nowhere"))
    assert (steps[-1].step, steps[-1].ok, steps[-2].step) == ("folder", False, "login")
    assert "Check the folder's name" in steps[-1].detail


@pytest.mark.parametrize(("incoming", "security"), KINDS, ids=KIND_NAMES)
def test_a_wrong_password_ends_it_with_advice(post: Post, incoming: Incoming, security: Security) -> None:
    user = post.dovecot.fresh_user()
    steps = list(probe_incoming(post.server(incoming, security), Login(user, Secret("canary-5a5")), incoming))
    assert [step.ok for step in steps].count(False) == 1
    assert (steps[-1].step, steps[-1].ok) == ("login", False)
    assert "Check user name and password" in steps[-1].detail
    assert "canary" not in steps[-1].detail


def test_a_closed_port_and_an_unknown_host_are_told_apart(post: Post) -> None:
    closed = list(probe_incoming(Server("127.0.0.1", free_port()), LOGIN, Incoming.IMAP))
    assert [(step.step, step.ok) for step in closed] == [("resolve", True), ("connect", False)]
    assert "993/143" in closed[-1].detail
    unknown = list(probe_incoming(Server("no-such-host.invalid", 993), LOGIN, Incoming.IMAP, timeouts=SHORT))
    assert [(step.step, step.ok) for step in unknown] == [("resolve", False)]
    nonsense = list(probe_incoming(Server("127.0.0.1", 99_999_999), LOGIN, Incoming.IMAP))
    assert "is not a port" in nonsense[-1].detail


def test_a_certificate_that_is_not_trusted_is_told_at_its_step(post: Post) -> None:
    server = post.server(Incoming.IMAP, Security.TLS)
    strangers = Server(server.host, server.port, Security.TLS, TlsTrust())
    steps = list(probe_incoming(strangers, LOGIN, Incoming.IMAP))
    assert (steps[-1].step, steps[-1].ok) == ("tls", False)
    assert "unknown authority" in steps[-1].detail


def test_a_silent_port_hints_at_tls() -> None:
    with ScriptedServer(Talk.stay_silent) as server:
        steps = list(probe_incoming(server.server(), LOGIN, Incoming.IMAP, timeouts=SHORT))
    assert (steps[-1].step, steps[-1].ok) == ("greeting", False)
    assert "set security to TLS" in steps[-1].detail


def test_a_probe_that_is_broken_off_leaves_no_connection() -> None:
    with ScriptedServer(lambda talk: (talk.say(b"* OK ready"), talk.stay_silent())) as server:
        steps = probe_incoming(server.server(), LOGIN, Incoming.IMAP)
        assert [next(steps).step for _ in range(3)] == ["resolve", "connect", "greeting"]
        steps.close()  # type: ignore[attr-defined]
        # The server's end waits for ours to go; leaving the block would fail otherwise.


@pytest.mark.parametrize("security", list(Security))
def test_smtp_goes_up_to_the_leave_to_send_and_sends_nothing(certificates: Certificates, security: Security) -> None:
    trust = TlsTrust(ca=str(certificates.good.authority))
    users = {"ann": "canary-5a5"}
    with RuledSink(SinkSecurity(security), certificates.good, users) as sink:
        server = Server("localhost", sink.port, security, trust)
        steps = list(probe_smtp(server, LOGIN, "client.example", "from@example.com", "to@example.com"))
        assert all(step.ok for step in steps), steps[-1].detail
        sent = ["mail_from", "rcpt_to", "data"]
        opening = {
            Security.NONE: ["resolve", "connect", "greeting", "ehlo", "login"],
            Security.STARTTLS: ["resolve", "connect", "greeting", "tls", "ehlo", "login"],
            Security.TLS: ["resolve", "connect", "tls", "greeting", "ehlo", "login"],
        }
        assert names(iter(steps)) == opening[security] + sent
        assert steps[-1].detail.startswith("354")
        assert sink.hits[At.DATA] == 1
        assert sink.hits[At.QUIT] == 0, "after 354 a QUIT would be part of a message"
    assert sink.deliveries == []


def test_the_dialogue_can_be_watched_without_its_secrets(post: Post, certificates: Certificates) -> None:
    spoken: list[Spoken] = []
    user = post.dovecot.fresh_user(password="canary-5a5")
    for incoming in Incoming:
        list(
            probe_incoming(
                post.server(incoming, Security.STARTTLS),
                post.login(user),
                incoming,
                transcript=Transcript(spoken.append),
            )
        )
    with RuledSink(users={user: "canary-5a5"}) as sink:
        server = Server("localhost", sink.port, Security.NONE)
        login = post.login(user)
        list(probe_smtp(server, login, "c.example", "a@b.c", "d@e.f", transcript=Transcript(spoken.append)))
    texts = [each.text for each in spoken]
    assert "P1 STARTTLS" in texts
    assert "STLS" in texts
    assert "MAIL FROM:<a@b.c>" in texts
    assert "AUTH PLAIN ****" in texts
    assert "PASS ****" in texts
    assert not any("canary" in text or "Y2FuYXJ5" in text for text in texts)
