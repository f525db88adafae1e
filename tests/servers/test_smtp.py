"""The sink takes mail, proves it, and misbehaves exactly where a rule says so."""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.servers.certificates import Certificates
from tests.servers.smtp import Action, Phase, Rule, RuledSink, applies
from tests.waiting import PATIENCE
from tui.demo import ledger
from tui.demo.sink_session import Security

RAW = b"Subject: hello\r\n\r\n.dot\r\nbye\r\n"


@contextmanager
def client(sink: RuledSink, certificates: Certificates | None = None) -> Iterator[smtplib.SMTP]:
    context = certificates.good.client_context() if certificates else None
    connection: smtplib.SMTP
    if sink.security is Security.TLS:
        connection = smtplib.SMTP_SSL("localhost", sink.port, context=context, timeout=PATIENCE)
    else:
        connection = smtplib.SMTP("localhost", sink.port, timeout=PATIENCE)
    try:
        if sink.security is Security.STARTTLS:
            connection.starttls(context=context)
        yield connection
    finally:
        connection.close()


def send(connection: smtplib.SMTP, recipients: tuple[str, ...] = ("b@example.com",), raw: bytes = RAW) -> None:
    connection.sendmail("a@example.com", recipients, raw)


@pytest.mark.parametrize("security", Security)
def test_takes_mail_in_each_security_mode(certificates: Certificates, security: Security) -> None:
    with RuledSink(security, certificates.good, {"ada": "pw"}, auth_required=True) as sink:
        with client(sink, certificates) as connection:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                send(connection)
            assert refused.value.smtp_code == 530
            with pytest.raises(smtplib.SMTPAuthenticationError):
                connection.login("ada", "wrong")
            connection.login("ada", "pw")
            send(connection)
        (delivered,) = sink.wait_for(1)
    assert (delivered.sender, delivered.recipients, delivered.raw) == ("a@example.com", ("b@example.com",), RAW)
    assert (delivered.user, delivered.tls, delivered.connection) == ("ada", security is not Security.NONE, 1)


def test_starttls_is_required_before_mail(certificates: Certificates) -> None:
    with RuledSink(Security.STARTTLS, certificates.good) as sink:
        connection = smtplib.SMTP("localhost", sink.port, timeout=PATIENCE)
        with pytest.raises(smtplib.SMTPSenderRefused):
            send(connection)
        connection.close()


def test_pipelined_envelopes_are_answered_in_order(smtp_sink: RuledSink) -> None:
    one = b"MAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    with socket.create_connection((smtp_sink.host, smtp_sink.port), timeout=PATIENCE) as connection:
        stream = connection.makefile("rb")
        stream.readline()
        connection.sendall(b"EHLO me\r\n")
        announced = [stream.readline() for _ in range(7)]
        assert b"250-PIPELINING\r\n" in announced
        assert announced[-1].startswith(b"250 ")
        connection.sendall(one)
        assert [stream.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        connection.sendall(b"x\r\n.\r\n" + one)
        assert [stream.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        stream.close()
    assert smtp_sink.complaints == []
    assert [each.sender for each in smtp_sink.deliveries] == [""]


def test_ledger_file_holds_what_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    odd = b"Subject: \xff\r\n\r\n" + bytes(range(128, 256)) + b"\r\n"
    with RuledSink(ledger=path) as sink, client(sink) as connection:
        send(connection)
        send(connection, raw=odd)
        assert list(ledger.read(path)) == sink.deliveries
    assert [each.raw for each in ledger.read(path)] == [RAW, odd]


def test_stops_and_starts_on_the_same_port_and_keeps_its_ledger() -> None:
    with RuledSink() as sink:
        with client(sink) as connection:
            send(connection)
            sink.stop()
            with pytest.raises(smtplib.SMTPServerDisconnected):
                connection.noop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((sink.host, sink.port), timeout=PATIENCE)
        sink.start()
        with client(sink) as connection:
            send(connection)
        assert len(sink.deliveries) == 2


def test_a_taken_port_is_an_error() -> None:
    with RuledSink() as first:
        second = RuledSink()
        second.port = first.port
        with pytest.raises(OSError, match="address already in use"):
            second.start()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.STARTTLS, Phase.AUTH, Phase.QUIT)])
@pytest.mark.parametrize("reply", ["450 4.3.0 Later", "554 5.3.0 Never", "421 4.3.2 Closing"])
def test_a_rule_replies_at_its_phase(smtp_sink: RuledSink, phase: Phase, reply: str) -> None:
    smtp_sink.rule(phase, reply)
    with socket.create_connection((smtp_sink.host, smtp_sink.port), timeout=PATIENCE) as connection:
        stream = connection.makefile("rb")
        replies = _replies(connection, stream)
        stream.close()
    assert replies[-1] == reply
    assert smtp_sink.deliveries == []


def _replies(connection: socket.socket, stream: BinaryIO) -> list[str]:
    """The last line of each reply of a dialogue that ends with the first refusal."""
    steps = ["", "EHLO me", "RSET", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA", "x\r\n."]
    replies: list[str] = []
    for step in steps:
        if step:
            connection.sendall(step.encode() + b"\r\n")
        while (line := stream.readline().decode()[:-2])[3:4] == "-":
            pass
        replies.append(line)
        if line[0] not in "23":
            break
    return replies


@pytest.mark.parametrize(
    ("action", "taken"),
    [(Action.DROP, 0), (Action.HANG, 0), (Action.TAKE_THEN_DROP, 1), (Action.TAKE_THEN_HANG, 1)],
)
def test_after_the_dot_the_ledger_says_what_the_client_cannot_know(
    smtp_sink: RuledSink, action: Action, taken: int
) -> None:
    smtp_sink.rule(Phase.DOT, action)
    with client(smtp_sink) as connection:
        connection.ehlo()
        connection.mail("a@example.com")
        connection.rcpt("b@example.com")
        connection.putcmd("data")
        assert connection.getreply()[0] == 354
        assert connection.sock is not None
        connection.sock.settimeout(0.3)
        connection.send(b"x\r\n.\r\n")
        with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError)):
            connection.getreply()
    assert len(smtp_sink.wait_for(taken)) == taken


def test_garbage_is_no_reply(smtp_sink: RuledSink) -> None:
    smtp_sink.rule(Phase.MAIL, Action.GARBAGE)
    with client(smtp_sink) as connection:
        connection.ehlo()
        assert connection.mail("a@example.com")[0] == -1


def test_a_rule_may_be_for_one_recipient(smtp_sink: RuledSink) -> None:
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 Unknown", matching="bad@")
    with client(smtp_sink) as connection:
        refused = connection.sendmail("a@example.com", ["a@example.com", "bad@example.com"], RAW)
    assert set(refused) == {"bad@example.com"}
    assert smtp_sink.deliveries[0].recipients == ("a@example.com",)


def test_greylisting_takes_the_second_attempt(smtp_sink: RuledSink) -> None:
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 Greylisted", first=1)
    with client(smtp_sink) as connection:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(connection)
        send(connection)
    assert smtp_sink.hits[Phase.RCPT] == 2
    assert len(smtp_sink.deliveries) == 1


@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        (Rule(Phase.DOT, "x"), [1, 2, 3]),
        (Rule(Phase.DOT, "x", nth=2), [2]),
        (Rule(Phase.DOT, "x", first=2), [1, 2]),
    ],
)
def test_rules_act_at_their_hits(rule: Rule, hits: list[int]) -> None:
    assert [hit for hit in (1, 2, 3) if applies(rule, hit)] == hits
