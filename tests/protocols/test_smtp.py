"""SMTP against a real sink: what is taken arrives as it was given, and every refusal and cut becomes a value."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    NotOffered,
    ProtocolViolation,
    SmtpRefused,
    TlsFailed,
    TlsMissing,
    UnsafeMessage,
    WireError,
)
from core.protocols.server import Login, Server, Timeouts
from core.protocols.smtp import SmtpConnection, open_smtp
from core.protocols.steps import waited
from core.protocols.submission import Phase, SubmitResult
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.fakes.smtp import ScriptedSmtp
from tests.protocols.conftest import SHORT
from tests.servers.certificates import Certificates
from tests.servers.smtp import Action, RuledSink
from tests.servers.smtp import Phase as At
from tests.servers.smtp_sink_postfix import PostfixSink
from tui.demo.sink import SmtpSink
from tui.demo.sink_session import Security as SinkSecurity

RAW = b"Subject: x\r\n\r\nhello\r\n.\r\n..dots\r\n"
LOGIN = Login("ann", Secret("canary-3b7"))
Opened = Callable[..., SmtpConnection]


@pytest.fixture(params=["sent ahead", "one by one"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Opens connections to a sink, with and without PIPELINING; they are dropped after the test."""
    connections: list[SmtpConnection] = []

    def open_one(sink: SmtpSink, login: Login | None = None, timeouts: Timeouts = SHORT) -> SmtpConnection:
        connection = open_smtp(place(sink), login, ehlo_name="client.example", timeouts=timeouts)
        if request.param == "one by one":
            connection._dialogue.features.pop("PIPELINING")
        connections.append(connection)
        return connection

    yield open_one
    for connection in connections:
        connection.drop()


def place(sink: SmtpSink, security: Security = Security.NONE, trust: TlsTrust | None = None) -> Server:
    return Server("localhost", sink.port, security, trust or TlsTrust())


def hand_over(connection: SmtpConnection, *recipients: str, raw: bytes = RAW) -> SubmitResult:
    return connection.submit("from@example.com", recipients or ("to@example.com",), raw)


def hand_over_all(connection: SmtpConnection, mails: Sequence[tuple[str, list[str], bytes]]) -> list[SubmitResult]:
    """One after the other, each envelope ahead where that is allowed."""
    prepared = [connection.prepared(*mail) for mail in mails]
    following = [*prepared[1:], None]
    return [waited(connection.running(*each)) for each in zip(prepared, following, strict=True)]


@pytest.mark.parametrize("security", list(Security))
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", None])
def test_a_message_arrives_as_it_was_given(
    certificates: Certificates, security: Security, mechanism: str | None
) -> None:
    users = {"ann": "canary-3b7"} if mechanism else None
    trust = TlsTrust(ca=str(certificates.good.authority))
    with RuledSink(SinkSecurity(security), certificates.good, users, auth_required=bool(mechanism)) as sink:
        connection = open_smtp(place(sink, security, trust), None, ehlo_name="client.example")
        if mechanism:
            connection._dialogue.features["AUTH"] = mechanism
            connection._dialogue.log_in(LOGIN)
        result = connection.submit("from@example.com", ["a@example.com", "b@example.com"], RAW)
        connection.quit()
        assert result.taken
        assert not result.uncertain
        assert result.accepted == ("a@example.com", "b@example.com")
        (delivered,) = sink.wait_for(1)
    assert delivered.raw == RAW
    assert delivered.sender == "from@example.com"
    assert delivered.recipients == ("a@example.com", "b@example.com")
    assert delivered.tls == (security is not Security.NONE)
    assert delivered.user == ("ann" if mechanism else None)
    assert (connection.facts.tls is not None) == (security is not Security.NONE)


def test_many_messages_go_over_one_connection(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    mails = [("from@example.com", ["to@example.com"], b"Subject: %d\r\n\r\n.\r\n" % number) for number in range(100)]
    assert [result.taken for result in hand_over_all(connection, mails)] == [True] * 100
    assert [delivered.raw for delivered in smtp_sink.deliveries] == [raw for _, _, raw in mails]
    assert (smtp_sink.connections, connection.count) == (1, 100)
    assert 0 < connection.age < 60


def test_a_fast_relay_takes_thousands() -> None:
    with PostfixSink() as sink:
        connection = open_smtp(Server(sink.host, sink.port, Security.NONE), None, ehlo_name="client.example")
        assert connection.offers("PIPELINING")
        mails = [("a@example.com", ["b@example.com"], RAW)] * 3000
        assert sum(result.taken for result in hand_over_all(connection, mails)) == 3000
        connection.quit()
        assert sink.messages == 3000


PER_PHASE = [(At.MAIL, Phase.MAIL), (At.RCPT, Phase.RCPT), (At.DATA, Phase.DATA), (At.DOT, Phase.DOT)]


@pytest.mark.parametrize(("at", "phase"), PER_PHASE, ids=[at for at, _ in PER_PHASE])
@pytest.mark.parametrize("code", ["450 4.3.0 later", "550 5.7.1 never", "421 4.4.2 closing"])
def test_a_refusal_at_each_phase_is_a_value(
    smtp_sink: RuledSink, opened: Opened, at: At, phase: Phase, code: str
) -> None:
    connection = opened(smtp_sink)
    smtp_sink.rule(at, code, first=1)
    result = hand_over(connection)
    assert result.reply is not None
    assert (result.phase, result.reply.code, result.reply.enhanced) == (phase, int(code[:3]), code[4:9])
    assert (result.taken, result.uncertain, result.dot_sent) == (False, False, phase is Phase.DOT)
    assert result.accepted == ()
    assert result.reply.is_permanent == code.startswith("5")
    if code.startswith("421"):
        assert not connection.is_usable
    else:
        assert result.error is None
        assert hand_over(connection).taken, "the next message on the same connection"
        assert len(smtp_sink.deliveries) == 1


@pytest.mark.parametrize(("at", "phase"), PER_PHASE, ids=[at for at, _ in PER_PHASE])
@pytest.mark.parametrize(
    ("action", "expected"),
    [(Action.DROP, ConnectionLost), (Action.HANG, DeadlineExceeded), (Action.GARBAGE, ProtocolViolation)],
)
def test_a_break_at_each_phase_is_a_value_and_uncertain_only_after_the_dot(
    smtp_sink: RuledSink, opened: Opened, at: At, phase: Phase, action: Action, expected: type[WireError]
) -> None:
    connection = opened(smtp_sink)
    smtp_sink.rule(at, action)
    result = hand_over(connection)
    assert isinstance(result.error, expected)
    assert (result.phase, result.reply, result.taken) == (phase, None, False)
    assert result.uncertain == (at is At.DOT)
    assert not connection.is_usable
    assert smtp_sink.deliveries == []


@pytest.mark.parametrize("action", [Action.TAKE_THEN_DROP, Action.TAKE_THEN_HANG])
def test_a_reply_lost_after_the_dot_is_uncertain_since_the_relay_may_have_it(
    smtp_sink: RuledSink, opened: Opened, action: Action
) -> None:
    smtp_sink.rule(At.DOT, action)
    result = hand_over(opened(smtp_sink))
    assert result.uncertain
    assert not result.taken
    assert [reply is not None and reply.is_positive for _, reply in result.recipients] == [True]
    assert len(smtp_sink.deliveries) == 1


@pytest.mark.parametrize(
    ("at", "action", "expected"),
    [
        (At.CONNECT, "421 4.3.2 busy", SmtpRefused),
        (At.CONNECT, "554 5.7.1 you are listed", SmtpRefused),
        (At.CONNECT, Action.DROP, ConnectionLost),
        (At.CONNECT, Action.HANG, DeadlineExceeded),
        (At.CONNECT, Action.GARBAGE, ProtocolViolation),
        (At.EHLO, "450 4.1.8 later", SmtpRefused),
        (At.EHLO, "550 5.7.1 bad name", SmtpRefused),
        (At.EHLO, "421 4.3.2 busy", SmtpRefused),
        (At.EHLO, Action.DROP, ConnectionLost),
        (At.EHLO, Action.HANG, DeadlineExceeded),
        (At.EHLO, Action.GARBAGE, ProtocolViolation),
        (At.AUTH, "454 4.7.0 later", SmtpRefused),
        (At.AUTH, "421 4.3.2 busy", SmtpRefused),
        (At.AUTH, "535 5.7.8 wrong", LoginRefused),
        (At.AUTH, "534 5.7.9 app password", LoginRefused),
        (At.AUTH, "250 what", ProtocolViolation),
        (At.AUTH, Action.DROP, ConnectionLost),
        (At.AUTH, Action.HANG, DeadlineExceeded),
        (At.AUTH, Action.GARBAGE, ProtocolViolation),
    ],
)
def test_what_goes_wrong_on_opening_is_raised(at: At, action: Action | str, expected: type[WireError]) -> None:
    with RuledSink(users={"ann": "canary-3b7"}) as sink:
        sink.rule(at, action)
        with pytest.raises(WireError) as raised:
            open_smtp(place(sink), LOGIN, ehlo_name="client.example", timeouts=SHORT)
    assert type(raised.value) is expected
    if isinstance(raised.value, SmtpRefused):
        assert raised.value.is_permanent == str(action).startswith("5")
    assert "canary" not in f"{raised.value}{raised.value.reply}"


def test_a_wrong_password_is_refused(certificates: Certificates) -> None:
    with RuledSink(SinkSecurity.TLS, certificates.good, {"ann": "other"}) as sink:
        trust = TlsTrust(ca=str(certificates.good.authority))
        with pytest.raises(LoginRefused) as raised:
            open_smtp(place(sink, Security.TLS, trust), LOGIN, ehlo_name="client.example")
    assert raised.value.is_permanent


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_authority", "self_signed"])
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_is_not_trusted_ends_it_before_the_password(
    certificates: Certificates, kind: str, security: Security
) -> None:
    certificate = certificates.refused()[kind]
    with RuledSink(SinkSecurity(security), certificate, {"ann": "canary-3b7"}) as sink:
        trust = TlsTrust(ca=str(certificate.authority))
        with pytest.raises(TlsFailed):
            open_smtp(place(sink, security, trust), LOGIN, ehlo_name="client.example")
        assert sink.hits[At.AUTH] == 0


def test_required_tls_that_is_not_offered_ends_it_before_the_password() -> None:
    with RuledSink(users={"ann": "canary-3b7"}) as sink:
        with pytest.raises(TlsMissing):
            open_smtp(place(sink, Security.STARTTLS), LOGIN, ehlo_name="client.example")
        assert sink.hits[At.AUTH] == 0


def test_a_login_that_the_relay_does_not_offer_is_told(smtp_sink: RuledSink) -> None:
    with pytest.raises(NotOffered, match="offers no login"):
        open_smtp(place(smtp_sink), LOGIN, ehlo_name="client.example")


def test_one_refused_recipient_of_three_does_not_stop_the_others(smtp_sink: RuledSink, opened: Opened) -> None:
    smtp_sink.rule(At.RCPT, "550 5.1.1 unknown", nth=2)
    result = hand_over(opened(smtp_sink), "a@example.com", "b@example.com", "c@example.com")
    assert result.taken
    assert result.accepted == ("a@example.com", "c@example.com")
    assert [reply.code for _, reply in result.recipients if reply] == [250, 550, 250]
    assert smtp_sink.deliveries[0].recipients == ("a@example.com", "c@example.com")


def test_when_all_recipients_are_refused_nothing_is_sent(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    smtp_sink.rule(At.RCPT, "550 5.1.1 unknown", nth=1)
    smtp_sink.rule(At.RCPT, "450 4.2.1 greylisted", nth=1)
    result = hand_over(connection, "a@example.com", "b@example.com")
    assert (result.phase, result.dot_sent, result.taken) == (Phase.RCPT, False, False)
    assert result.reply is not None
    assert result.reply.is_transient, "a recipient that may work later keeps the message alive"
    assert hand_over(connection).taken
    assert len(smtp_sink.deliveries) == 1


def test_hundreds_of_recipients_are_all_told(smtp_sink: RuledSink, opened: Opened) -> None:
    recipients = [f"r{number}@example.com" for number in range(450)]
    result = hand_over(opened(smtp_sink, timeouts=Timeouts()), *recipients)
    assert result.accepted == tuple(recipients)
    assert smtp_sink.deliveries[0].recipients == tuple(recipients)


def test_a_cut_among_the_recipients_keeps_what_was_said(smtp_sink: RuledSink, opened: Opened) -> None:
    smtp_sink.rule(At.RCPT, Action.DROP, nth=2)
    result = hand_over(opened(smtp_sink), "a@example.com", "b@example.com", "c@example.com")
    assert isinstance(result.error, ConnectionLost)
    assert [address for address, _ in result.recipients] == ["a@example.com", "b@example.com", "c@example.com"]
    assert result.recipients[1][1] is result.recipients[2][1] is None
    assert result.accepted == ()


def test_the_size_limit_is_known_and_the_relay_is_told_the_size(opened: Opened) -> None:
    with RuledSink(size_limit=5000) as sink:
        connection = opened(sink)
        assert connection.size_limit == 5000
        result = hand_over(connection, raw=b"x" * 60 + b"\r\n" * 5000)
        assert result.reply is not None
        assert (result.phase, result.reply.code, result.dot_sent) == (Phase.MAIL, 552, False)
        assert hand_over(connection).taken


def test_what_the_message_needs_is_asked_for(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    assert connection.submit("jörg@example.com", ["ann@exämple.com"], RAW).taken
    assert connection.submit("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\n\xc3\xa4\r\n").taken
    assert connection.submit("a@example.com", ["b@example.com"], RAW).taken
    options = [set(delivered.options) for delivered in smtp_sink.deliveries]
    assert "SMTPUTF8" in options[0]
    assert "BODY=8BITMIME" in options[1]
    assert not options[2] & {"SMTPUTF8", "BODY=8BITMIME"}
    assert all(any(option.startswith("SIZE=") for option in each) for each in options)


def test_a_header_beyond_ascii_is_encoded_unless_an_address_needs_utf8_anyway(
    smtp_sink: RuledSink, opened: Opened
) -> None:
    raw = "Subject: Grüße\r\n\r\nGrüße\r\n".encode()
    connection = opened(smtp_sink)
    assert hand_over(connection, raw=raw).taken
    assert connection.submit("jörg@example.com", ["b@example.com"], raw).taken

    plain, utf8 = (delivered.raw for delivered in smtp_sink.deliveries)
    assert plain == "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\nGrüße\r\n".encode()
    assert utf8 == raw


def test_a_relay_without_8bitmime_gets_ascii_alone(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
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


def test_addresses_that_the_relay_cannot_take_are_refused_without_asking(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    del connection._dialogue.features["SMTPUTF8"]
    result = connection.submit("jörg@example.com", ["b@example.com"], RAW)
    assert result.reply is not None
    assert (result.reply.enhanced, result.reply.is_ours, result.taken) == ("5.6.7", True, False)
    assert smtp_sink.hits[At.MAIL] == 0
    assert hand_over(connection).taken


def test_the_null_sender_is_said_as_such(smtp_sink: RuledSink, opened: Opened) -> None:
    assert opened(smtp_sink).submit("", ["b@example.com"], RAW).taken
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
def test_a_message_with_a_bare_cr_or_lf_does_not_leave(smtp_sink: RuledSink, opened: Opened, raw: bytes) -> None:
    connection = opened(smtp_sink)
    with pytest.raises(UnsafeMessage, match="bare CR or LF"):
        hand_over(connection, raw=raw)
    assert smtp_sink.hits[At.MAIL] == 0
    assert hand_over(connection).taken, "nothing was begun"


@pytest.mark.parametrize(
    "raw", [b"", b".", b".\r\n", b"..\r\n.\r\n", b"no end", b"\r\n.\r\nMAIL FROM:<evil@example.com>\r\n", b"." * 900]
)
def test_dots_are_data_wherever_they_stand(smtp_sink: RuledSink, opened: Opened, raw: bytes) -> None:
    assert hand_over(opened(smtp_sink), raw=raw).taken
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
def test_an_address_cannot_smuggle_a_command(smtp_sink: RuledSink, opened: Opened, address: str) -> None:
    connection = opened(smtp_sink)
    with pytest.raises(UnsafeMessage):
        connection.submit(address, ["b@example.com"], RAW)
    with pytest.raises(UnsafeMessage):
        connection.submit("a@example.com", ["b@example.com", address], RAW)
    assert smtp_sink.hits[At.MAIL] == 0


@pytest.mark.parametrize("recipients", [[], [""]])
def test_a_message_for_nobody_is_refused(smtp_sink: RuledSink, opened: Opened, recipients: list[str]) -> None:
    with pytest.raises(UnsafeMessage):
        opened(smtp_sink).submit("a@example.com", recipients, RAW)


def test_a_connection_that_died_while_idle_is_found_out(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    connection.noop()
    smtp_sink.stop()
    with pytest.raises(ConnectionLost):
        connection.noop()
    result = hand_over(connection)
    assert isinstance(result.error, ConnectionLost)
    assert (result.taken, result.uncertain) == (False, False)
    smtp_sink.start()


def test_quit_does_not_wait_for_a_silent_relay(smtp_sink: RuledSink, opened: Opened) -> None:
    connection = opened(smtp_sink)
    smtp_sink.rule(At.QUIT, Action.HANG)
    connection.quit()
    assert not connection.is_usable
