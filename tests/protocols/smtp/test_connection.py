"""SMTP against a real sink: what is taken arrives as it was given, and every refusal and cut becomes a value."""

import pytest

from core.errors import ConnectionLost, DeadlineExceeded, ProtocolViolation, WireError
from core.protocols.server import Server
from core.protocols.smtp.connection import open_smtp
from core.protocols.smtp.submission import Phase
from core.protocols.tls import Security, TlsTrust
from tests.protocols.conftest import SHORT_AT_LAST
from tests.protocols.smtp.sessions import LOGIN, RAW, Opened, hand_over, hand_over_all, place
from tests.servers.certificates import Certificates
from tests.servers.smtp import Action, RuledSink
from tests.servers.smtp import Phase as At
from tests.servers.smtp_sink_postfix import PostfixSink
from tui.demo.sink_session import Security as SinkSecurity


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


def test_many_messages_go_over_one_connection(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
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
    smtp_sink: RuledSink, smtp: Opened, at: At, phase: Phase, code: str
) -> None:
    connection = smtp(smtp_sink)
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
    smtp_sink: RuledSink, smtp: Opened, at: At, phase: Phase, action: Action, expected: type[WireError]
) -> None:
    connection = smtp(smtp_sink, timeouts=SHORT_AT_LAST)
    smtp_sink.rule(at, action)
    result = hand_over(connection)
    assert isinstance(result.error, expected)
    assert (result.phase, result.reply, result.taken) == (phase, None, False)
    assert result.uncertain == (at is At.DOT)
    assert not connection.is_usable
    assert smtp_sink.deliveries == []


@pytest.mark.parametrize("action", [Action.TAKE_THEN_DROP, Action.TAKE_THEN_HANG])
def test_a_reply_lost_after_the_dot_is_uncertain_since_the_relay_may_have_it(
    smtp_sink: RuledSink, smtp: Opened, action: Action
) -> None:
    smtp_sink.rule(At.DOT, action)
    result = hand_over(smtp(smtp_sink, timeouts=SHORT_AT_LAST))
    assert result.uncertain
    assert not result.taken
    assert [reply is not None and reply.is_positive for _, reply in result.recipients] == [True]
    assert len(smtp_sink.wait_for(1)) == 1


def test_one_refused_recipient_of_three_does_not_stop_the_others(smtp_sink: RuledSink, smtp: Opened) -> None:
    smtp_sink.rule(At.RCPT, "550 5.1.1 unknown", nth=2)
    result = hand_over(smtp(smtp_sink), "a@example.com", "b@example.com", "c@example.com")
    assert result.taken
    assert result.accepted == ("a@example.com", "c@example.com")
    assert [reply.code for _, reply in result.recipients if reply] == [250, 550, 250]
    assert smtp_sink.deliveries[0].recipients == ("a@example.com", "c@example.com")


def test_when_all_recipients_are_refused_nothing_is_sent(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
    smtp_sink.rule(At.RCPT, "550 5.1.1 unknown", nth=1)
    smtp_sink.rule(At.RCPT, "450 4.2.1 greylisted", nth=1)
    result = hand_over(connection, "a@example.com", "b@example.com")
    assert (result.phase, result.dot_sent, result.taken) == (Phase.RCPT, False, False)
    assert result.reply is not None
    assert result.reply.is_transient, "a recipient that may work later keeps the message alive"
    assert hand_over(connection).taken
    assert len(smtp_sink.deliveries) == 1


def test_hundreds_of_recipients_are_all_told(smtp_sink: RuledSink, smtp: Opened) -> None:
    recipients = [f"r{number}@example.com" for number in range(450)]
    result = hand_over(smtp(smtp_sink), *recipients)
    assert result.accepted == tuple(recipients)
    assert smtp_sink.deliveries[0].recipients == tuple(recipients)


def test_a_cut_among_the_recipients_keeps_what_was_said(smtp_sink: RuledSink, smtp: Opened) -> None:
    smtp_sink.rule(At.RCPT, Action.DROP, nth=2)
    result = hand_over(smtp(smtp_sink), "a@example.com", "b@example.com", "c@example.com")
    assert isinstance(result.error, ConnectionLost)
    assert [address for address, _ in result.recipients] == ["a@example.com", "b@example.com", "c@example.com"]
    assert result.recipients[1][1] is result.recipients[2][1] is None
    assert result.accepted == ()


def test_a_connection_that_died_while_idle_is_found_out(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink)
    connection.noop()
    smtp_sink.stop()
    with pytest.raises(ConnectionLost):
        connection.noop()
    result = hand_over(connection)
    assert isinstance(result.error, ConnectionLost)
    assert (result.taken, result.uncertain) == (False, False)
    smtp_sink.start()


def test_quit_does_not_wait_for_a_silent_relay(smtp_sink: RuledSink, smtp: Opened) -> None:
    connection = smtp(smtp_sink, timeouts=SHORT_AT_LAST)
    smtp_sink.rule(At.QUIT, Action.HANG)
    connection.quit()
    assert not connection.is_usable
