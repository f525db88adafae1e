"""What SMTP's commands say of a message: size, 8 bits, UTF-8, reports; and nothing in it becomes a command."""

import pytest

from core.errors import UnsafeMessage
from core.protocols.server import Server
from core.protocols.smtp.connection import open_smtp
from core.protocols.smtp.submission import Phase
from core.protocols.tls import Security, TlsTrust
from tests.fakes.smtp import ScriptedSmtp
from tests.protocols.smtp.sessions import RAW, Opened, hand_over
from tests.servers.smtp import Phase as At
from tests.servers.smtp import RuledSink


def test_the_size_limit_is_known_and_the_relay_is_told_the_size(smtp: Opened) -> None:
    with RuledSink(size_limit=5000) as sink:
        connection = smtp(sink)
        assert connection.size_limit == 5000
        result = hand_over(connection, raw=b"x" * 60 + b"\r\n" * 5000)
        assert result.reply is not None
        assert (result.phase, result.reply.code, result.dot_sent) == (Phase.MAIL, 552, False)
        assert hand_over(connection).taken


def test_what_the_message_needs_is_asked_for(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
    assert connection.submit("jörg@example.com", ["ann@exämple.com"], RAW).taken
    assert connection.submit("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\n\xc3\xa4\r\n").taken
    assert connection.submit("a@example.com", ["b@example.com"], RAW).taken
    options = [set(delivered.options) for delivered in smtp_sink.deliveries]
    assert "SMTPUTF8" in options[0]
    assert "BODY=8BITMIME" in options[1]
    assert not options[2] & {"SMTPUTF8", "BODY=8BITMIME"}
    assert all(any(option.startswith("SIZE=") for option in each) for each in options)


def test_a_header_beyond_ascii_is_encoded_unless_an_address_needs_utf8_anyway(
    smtp_sink: RuledSink, smtp: Opened
) -> None:
    raw = "Subject: Grüße\r\n\r\nGrüße\r\n".encode()
    connection = smtp(smtp_sink)
    assert hand_over(connection, raw=raw).taken
    assert connection.submit("jörg@example.com", ["b@example.com"], raw).taken

    plain, utf8 = (delivered.raw for delivered in smtp_sink.deliveries)
    assert plain == "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\nGrüße\r\n".encode()
    assert utf8 == raw


def test_a_relay_without_8bitmime_gets_ascii_alone(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
    del connection._dialogue.features["8BITMIME"]
    raw = "Content-Type: text/plain; charset=utf-8\r\n\r\nMany greetings: Grüße\r\n".encode()
    assert hand_over(connection, raw=raw).taken

    [delivered] = smtp_sink.deliveries
    assert delivered.raw.isascii()
    assert b"quoted-printable\r\n" in delivered.raw
    assert delivered.raw.endswith(b"\r\n\r\nMany greetings: Gr=C3=BC=C3=9Fe\r\n")


def test_reports_are_asked_for_where_the_relay_knows_of_them() -> None:
    offering = {"EHLO": ["250-x", "250-PIPELINING", "250 DSN"]}
    with ScriptedSmtp(offering) as server:
        connection = open_smtp(
            Server("localhost", server.port, Security.NONE, TlsTrust()), None, ehlo_name="me.example"
        )
        assert connection.submit("a@example.com", ["b+c=d@example.com"], RAW, "2s-abc").taken
        assert connection.submit("", ["b@example.com"], RAW, "2s-abc").taken
        connection.drop()

    said = [one.text for one in server.commands if one.key in {"MAIL", "RCPT"}]
    assert said == [
        "MAIL FROM:<a@example.com> RET=HDRS ENVID=2s-abc",
        "RCPT TO:<b+c=d@example.com> ORCPT=rfc822;b+2Bc+3Dd@example.com",
        "MAIL FROM:<>",
        "RCPT TO:<b@example.com>",
    ]


def test_addresses_that_the_relay_cannot_take_are_refused_without_asking(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
    del connection._dialogue.features["SMTPUTF8"]
    result = connection.submit("jörg@example.com", ["b@example.com"], RAW)
    assert result.reply is not None
    assert (result.reply.enhanced, result.reply.is_ours, result.taken) == ("5.6.7", True, False)
    assert smtp_sink.hits[At.MAIL] == 0
    assert hand_over(connection).taken


def test_the_null_sender_is_said_as_such(smtp_sink: RuledSink, smtp: Opened) -> None:
    assert smtp(smtp_sink).submit("", ["b@example.com"], RAW).taken
    assert smtp_sink.deliveries[0].sender == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\n.\nMAIL FROM:<x>\r\n",
        b"a\n.\r\nb\r\n",
        b"a\r.\rb\r\n",
        b"a\r\n.\rb\r\n",
        b"a\r\r\n",
        b"a\n",
        b"a\r",
    ],
)
def test_a_message_with_a_bare_cr_or_lf_does_not_leave(smtp_sink: RuledSink, smtp: Opened, raw: bytes) -> None:
    connection = smtp(smtp_sink)
    with pytest.raises(UnsafeMessage, match="bare CR or LF"):
        hand_over(connection, raw=raw)
    assert smtp_sink.hits[At.MAIL] == 0
    assert hand_over(connection).taken, "nothing was begun"


@pytest.mark.parametrize(
    "raw", [b"", b".", b".\r\n", b"..\r\n.\r\n", b"no end", b"\r\n.\r\nMAIL FROM:<evil@example.com>\r\n", b"." * 900]
)
def test_dots_are_data_wherever_they_stand(smtp_sink: RuledSink, smtp: Opened, raw: bytes) -> None:
    assert hand_over(smtp(smtp_sink), raw=raw).taken
    (delivered,) = smtp_sink.deliveries
    assert delivered.raw == (raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n")


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nRCPT TO:<c@d>",
        "a@b\nc",
        "a@b\0",
        "a b@c",
        "<a@b>",
        "a@b> SIZE=1",
        "a\t@b",
        "a\u2028@b",
        "a\x85@b",
        "a\ud800@b",
    ],
)
def test_an_address_cannot_smuggle_a_command(smtp_sink: RuledSink, smtp: Opened, address: str) -> None:
    connection = smtp(smtp_sink)
    with pytest.raises(UnsafeMessage):
        connection.submit(address, ["b@example.com"], RAW)
    with pytest.raises(UnsafeMessage):
        connection.submit("a@example.com", ["b@example.com", address], RAW)
    assert smtp_sink.hits[At.MAIL] == 0


@pytest.mark.parametrize("recipients", [[], [""]])
def test_a_message_for_nobody_is_refused(smtp_sink: RuledSink, smtp: Opened, recipients: list[str]) -> None:
    with pytest.raises(UnsafeMessage):
        smtp(smtp_sink).submit("a@example.com", recipients, RAW)
