"""SMTP against relays of a few scripted lines: replies of odd forms, old servers, injected lines."""

import pytest

from core.errors import ConnectionLost, LoginRefused, NotOffered, ProtocolViolation, SmtpRefused
from core.protocols.server import Login
from core.protocols.smtp.connection import open_smtp
from core.protocols.smtp.reply import Reply, parse_reply
from core.protocols.smtp.submission import Phase
from core.protocols.tls import Security
from core.secret import Secret
from tests.protocols.scripted import Answer, Script, ScriptedServer, Talk, line_script

LOGIN = Login("ann", Secret("canary-1e5"))


def relay(answers: dict[bytes, Answer] | None = None, greeting: bytes = b"220 ready") -> Script:
    known: dict[bytes, Answer] = {
        b"EHLO": (b"250-relay", b"250-PIPELINING", b"250 SIZE 1000"),
        b"DATA": take,
        b"MAIL": (b"250 ok",),
        **(answers or {}),
    }
    return line_script(greeting, known, b"250 ok")


def take(talk: Talk) -> bool:
    talk.say(b"354 go")
    while talk.hear() not in (b".", b""):
        pass
    talk.say(b"250 taken")
    return True


def test_all_refused_in_a_group_and_the_leave_given_all_the_same() -> None:
    """RFC 2920 §3.1: DATA went ahead, so an empty message must end what nobody wanted."""

    def leave(talk: Talk) -> bool:
        talk.say(b"354 go")
        assert talk.hear() == b"."
        talk.say(b"554 no valid recipients")
        return True

    with ScriptedServer(relay({b"RCPT": iter([(b"550 no",), (b"250 ok",)]), b"DATA": iter([leave, take])})) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        first = connection.submit("a@b.c", ["d@e.f"], b"x\r\n")
        second = connection.submit("a@b.c", ["d@e.f"], b"x\r\n")
        connection.drop()
    assert (first.phase, first.taken, first.dot_sent) == (Phase.RCPT, False, False)
    assert second.taken


def test_the_relay_hears_the_envelope_in_one_group_and_the_message_only_after_its_leave() -> None:
    with ScriptedServer(relay()) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c.example")
        assert connection.submit("a@b.c", ["d@e.f"], b"one\r\n.two\r\n").taken
        connection.quit()
    assert server.heard == [
        b"EHLO c.example",
        b"MAIL FROM:<a@b.c> SIZE=11",
        b"RCPT TO:<d@e.f>",
        b"DATA",
        b"one",
        b"..two",
        b".",
        b"QUIT",
    ]


def test_a_relay_that_knows_helo_only_is_served() -> None:
    with ScriptedServer(relay({b"EHLO": (b"502 what?",)})) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        assert not connection.offers("PIPELINING")
        assert connection.submit("a@b.c", ["d@e.f"], b"x\r\n").taken
        connection.drop()


def test_a_relay_that_hangs_up_in_the_middle_of_a_large_message_has_not_got_it() -> None:
    def enough(talk: Talk) -> None:
        talk.say(b"354 go")
        talk.hear()

    with ScriptedServer(relay({b"DATA": enough})) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        result = connection.submit("a@b.c", ["d@e.f"], b"x" * 70 + b"\r\n" + b"y" * 30_000_000 + b"\r\n")
    assert (result.phase, result.taken, result.dot_sent, result.uncertain) == (Phase.DOT, False, False, False)
    assert isinstance(result.error, ConnectionLost)
    assert not connection.is_usable


@pytest.mark.parametrize("reply", [b"250 ok", b"354 more"])
def test_a_reply_that_makes_no_sense_is_out_of_step(reply: bytes) -> None:
    """250 in place of the leave to send: what follows would be read as commands."""
    answers: dict[bytes, Answer] = {b"DATA": (reply,)} if reply.startswith(b"250") else {b"MAIL": (reply,)}
    with ScriptedServer(relay(answers)) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        result = connection.submit("a@b.c", ["d@e.f"], b"x\r\n")
        connection.drop()
    assert isinstance(result.error, ProtocolViolation)
    assert not result.taken
    assert not connection.is_usable


@pytest.mark.parametrize("greeting", [b"* OK imap", b"+OK pop3", b"SSH-2.0-x", b"220", b"999 x", b"250-a\r\n220 b"])
def test_what_is_no_smtp_server_is_told(greeting: bytes) -> None:
    with ScriptedServer(relay(greeting=greeting)) as server:
        if greeting == b"220":
            open_smtp(server.server(), None, ehlo_name="c").drop()
            return
        with pytest.raises(ProtocolViolation):
            open_smtp(server.server(), None, ehlo_name="c")


def test_a_reply_of_endless_lines_is_a_violation() -> None:
    with ScriptedServer(lambda talk: talk.send(b"220-x\r\n" * 100_000)) as server, pytest.raises(ProtocolViolation):
        open_smtp(server.server(), None, ehlo_name="c")


def test_what_was_said_in_clear_behind_the_leave_for_tls_is_not_used() -> None:
    def inject(talk: Talk) -> None:
        talk.say(b"220 go ahead", b"250-relay", b"250 AUTH PLAIN", b"235 welcome")
        talk.stay_silent()

    answers: dict[bytes, Answer] = {b"EHLO": (b"250-relay", b"250 STARTTLS"), b"STARTTLS": inject}
    with ScriptedServer(relay(answers)) as server:
        with pytest.raises(ProtocolViolation, match="in clear after agreeing"):
            open_smtp(server.server(Security.STARTTLS), LOGIN, ehlo_name="c")
        assert server.heard == [b"EHLO c", b"STARTTLS"]


def test_a_refused_token_is_answered_with_an_empty_line_and_told() -> None:
    def refuse(talk: Talk) -> None:
        talk.say(b"334 eyJzdGF0dXMiOiI0MDAifQ==")
        assert talk.hear() == b""
        talk.say(b"535 5.7.8 canary-token refused")

    answers: dict[bytes, Answer] = {b"EHLO": (b"250-relay", b"250 AUTH LOGIN XOAUTH2"), b"AUTH": refuse}
    with ScriptedServer(relay(answers)) as server:
        with pytest.raises(LoginRefused) as raised:
            open_smtp(server.server(), Login("ann", token=lambda: "canary-token"), ehlo_name="c")
        assert server.heard[1].startswith(b"AUTH XOAUTH2 ")
    assert "canary" not in f"{raised.value}{raised.value.reply}"


def test_a_relay_with_mechanisms_that_we_do_not_know_is_sent_no_password() -> None:
    with ScriptedServer(relay({b"EHLO": (b"250-relay", b"250 AUTH GSSAPI NTLM")})) as server:
        with pytest.raises(NotOffered, match="GSSAPI, NTLM"):
            open_smtp(server.server(), LOGIN, ehlo_name="c")
        assert server.heard == [b"EHLO c"]


@pytest.mark.parametrize("name", ["a\r\nMAIL FROM:<x>", "a\nb", "a\0b"])
def test_an_ehlo_name_cannot_smuggle_a_command(name: str) -> None:
    with ScriptedServer(relay()) as server:
        with pytest.raises(Exception, match="line break"):
            open_smtp(server.server(), None, ehlo_name=name)
        assert server.heard == []


def test_a_refused_starttls_is_no_leave() -> None:
    answers: dict[bytes, Answer] = {b"EHLO": (b"250-relay", b"250 STARTTLS"), b"STARTTLS": (b"454 not now",)}
    with ScriptedServer(relay(answers)) as server:
        with pytest.raises(SmtpRefused) as raised:
            open_smtp(server.server(Security.STARTTLS), LOGIN, ehlo_name="c")
        assert not raised.value.is_permanent
        assert not any(b"AUTH" in line for line in server.heard)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((b"250 2.1.0 Ok\r\n",), Reply(250, "2.1.0", "Ok")),
        ((b"250\r\n",), Reply(250, "", "")),
        ((b"250 \r\n",), Reply(250, "", "")),
        ((b"550-5.7.1 first\r\n", b"550 5.7.1 second\r\n"), Reply(550, "5.7.1", "first second")),
        ((b"550 5.7.1\r\n",), Reply(550, "5.7.1", "")),
        ((b"450 4.7.1: no\r\n",), Reply(450, "", "4.7.1: no")),
        ((b"550 \x1b]52;c;x\x07 \xff\r\n",), Reply(550, "", "\ufffd]52;c;x\ufffd \ufffd")),
        ((b"550-a\r\n", b"551 b\r\n"), None),
        ((b"150 x\r\n",), None),
        ((b"abc\r\n",), None),
        ((b"\r\n",), None),
    ],
)
def test_replies_are_read_and_cleaned(lines: tuple[bytes, ...], expected: Reply | None) -> None:
    assert parse_reply(lines) == expected
