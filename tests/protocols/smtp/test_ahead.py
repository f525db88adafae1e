"""The next envelope goes with the dot before it: one round trip a message, and no message's outcome is taken for another's."""

from collections.abc import Iterator

import pytest

from core.errors import ConnectionLost
from core.protocols.smtp.connection import SmtpConnection, open_smtp
from core.protocols.smtp.exchange import Exchange
from core.protocols.smtp.submission import SubmitResult
from core.protocols.steps import waited
from core.protocols.tls import Security
from tests.protocols.conftest import SHORT_AT_LAST
from tests.protocols.scripted import ScriptedServer
from tests.protocols.smtp.test_connection import place
from tests.protocols.smtp.test_offers import relay
from tests.servers.smtp import Action, Phase, RuledSink


@pytest.fixture
def connection(smtp_sink: RuledSink) -> Iterator[SmtpConnection]:
    opened = open_smtp(place(smtp_sink, Security.NONE), None, ehlo_name="client.example", timeouts=SHORT_AT_LAST)
    yield opened
    opened.drop()


def prepared(connection: SmtpConnection, *names: str) -> list[Exchange]:
    return [
        connection.prepared("from@example.com", [f"{name}@example.com"], f"Subject: {name}\r\n".encode())
        for name in names
    ]


def run(connection: SmtpConnection, exchange: Exchange, following: Exchange | None = None) -> SubmitResult:
    return waited(connection.running(exchange, following))


def recipients(sink: RuledSink) -> list[str]:
    return [delivered.recipients[0].partition("@")[0] for delivered in sink.deliveries]


@pytest.mark.parametrize(("features", "is_ahead"), [([b"PIPELINING"], True), ([], False)])
def test_the_next_envelope_goes_with_the_dot_where_that_is_offered(features: list[bytes], is_ahead: bool) -> None:
    with ScriptedServer(relay(*features)) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        first, second = prepared(connection, "one", "two")
        assert run(connection, first, second).taken
        assert second.is_ahead == is_ahead
        assert run(connection, second).taken
        connection.drop()
    said = [line for line in server.heard if line.startswith((b"RCPT", b"DATA"))]
    assert said == [b"RCPT TO:<one@example.com>", b"DATA", b"RCPT TO:<two@example.com>", b"DATA"]


def test_many_recipients_do_not_go_ahead(smtp_sink: RuledSink, connection: SmtpConnection) -> None:
    first, second = prepared(connection, "one", "two")
    many = connection.prepared("from@example.com", [f"{n}@example.com" for n in range(60)], b"\r\nhi\r\n")
    assert run(connection, first, many).taken
    assert not many.is_ahead
    assert run(connection, many, second).taken
    assert run(connection, second).taken


@pytest.mark.parametrize("at", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT])
def test_a_refused_message_leaves_the_next_one_untouched(
    smtp_sink: RuledSink, connection: SmtpConnection, at: Phase
) -> None:
    smtp_sink.rule(at, "550 5.7.1 never", nth=2)
    one, two, three = prepared(connection, "one", "two", "three")
    results = [run(connection, one, two), run(connection, two, three), run(connection, three)]
    assert [result.taken for result in results] == [True, False, True]
    assert recipients(smtp_sink) == ["one", "three"]
    assert smtp_sink.connections == 1


@pytest.mark.parametrize("action", [Action.TAKE_THEN_DROP, Action.TAKE_THEN_HANG])
def test_only_the_message_whose_dot_was_sent_is_uncertain(
    smtp_sink: RuledSink, connection: SmtpConnection, action: Action
) -> None:
    smtp_sink.rule(Phase.DOT, action)
    one, two = prepared(connection, "one", "two")
    assert run(connection, one, two).uncertain
    smtp_sink.wait_for(1)
    after = run(connection, two)
    assert (after.dot_sent, after.uncertain, isinstance(after.error, ConnectionLost)) == (False, False, True)
    assert recipients(smtp_sink) == ["one"]


def test_a_relay_that_awaits_one_message_is_given_no_other(smtp_sink: RuledSink, connection: SmtpConnection) -> None:
    one, two, other = prepared(connection, "one", "two", "other")
    assert run(connection, one, two).taken
    assert not run(connection, other).taken
    assert not connection.is_usable
    assert recipients(smtp_sink) == ["one"]


def test_goodbye_is_not_said_to_a_relay_that_awaits_a_message(smtp_sink: RuledSink, connection: SmtpConnection) -> None:
    one, two = prepared(connection, "one", "two")
    assert run(connection, one, two).taken
    connection.quit()
    assert (connection.is_usable, recipients(smtp_sink)) == (False, ["one"])


@pytest.mark.parametrize(("beyond_the_dot", "is_uncertain"), [(0, True), (5, True), (-1, False)])
def test_a_dot_that_was_sent_counts_though_the_envelope_behind_it_was_not(
    smtp_sink: RuledSink, connection: SmtpConnection, beyond_the_dot: int, is_uncertain: bool
) -> None:
    one, two = prepared(connection, "one", "two")
    wire = connection._dialogue.wire
    wire._socket = CutAfter(wire._socket, len(one._wording.data) + beyond_the_dot)
    result = run(connection, one, two)
    assert (result.taken, result.uncertain, two.is_ahead) == (False, is_uncertain, False)


class CutAfter:
    """A socket that takes the first envelope, then so many bytes of the message, then none."""

    def __init__(self, socket: object, count: int) -> None:
        self._socket = socket
        self._takes = [1000, count]

    def __getattr__(self, name: str) -> object:
        return getattr(self._socket, name)

    def send(self, data: bytes) -> int:
        if not self._takes:
            raise BrokenPipeError(32, "cut")
        return self._socket.send(bytes(data)[: self._takes.pop(0)])
