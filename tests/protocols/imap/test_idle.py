"""A connection in IDLE: what it hears, when it is renewed, and how a dead line is noticed."""

import select
from collections.abc import Mapping

import pytest

from core import clock
from core.errors import ConnectionLost, DeadlineExceeded, NotOffered, ProtocolViolation, Throttled, WireError
from core.protocols.imap.idle import ANSWER_WITHIN, RENEW_AFTER, IdlePhase, Idling
from core.protocols.server import Login, Server
from core.protocols.sessions import open_imap
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.fakes.imap import ScriptedImap
from tests.fakes.proxy import Proxy
from tests.fakes.steps import GREETING, Ask, Cut, Reply, Silence
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE

OFFERED: dict[str, Reply] = {
    GREETING: ["* OK [CAPABILITY IMAP4rev1 IDLE] ready"],
    "CAPABILITY": ["* CAPABILITY IMAP4rev1 IDLE", "$tag OK done"],
}


def scripted(idle: Reply, changes: Mapping[str, Reply] | None = None) -> ScriptedImap:
    return ScriptedImap({**OFFERED, "IDLE": idle, **(changes or {})})


def hear_until(line: Idling, phase: IdlePhase) -> bool:
    """Whether anything was news until it came to this."""
    has_news = False
    while line.phase is not phase:
        has_news = hear(line) or has_news
    return has_news


def idling(server: ScriptedImap | Proxy | DovecotServer, port: int = 0, user: str = "user") -> Idling:
    where = Server(server.host, port or getattr(server, "port", 0), Security.NONE)
    source = open_imap(where, Login(user, Secret("secret")))
    source.select("INBOX", writable=False)
    return source.idle()


def hear(line: Idling, seconds: float = PATIENCE) -> bool:
    """What comes next, as a selector tells of it."""
    ready, _, _ = select.select([line], [], [], seconds)
    assert ready, "the server said nothing"
    return line.hear()


def entered(line: Idling) -> Idling:
    hear_until(line, IdlePhase.WAITING)
    return line


def hear_on(line: Idling) -> None:
    for _ in range(1000):
        hear(line)


NEWS = {
    "one more": (["* 2 EXISTS"], True),
    "one more, and recent": (["* 2 EXISTS", "* 1 RECENT"], True),
    "recent alone": (["* 1 RECENT"], True),
    "as many as before": (["* 1 EXISTS", "* 0 RECENT"], False),
    "one went": (["* 1 EXPUNGE"], False),
    "one went, one came": (["* 1 EXPUNGE", "* 1 EXISTS"], True),
    "a sign of life": (["* OK Still here"], False),
    "another client's flags": ([r"* 1 FETCH (FLAGS (\Seen))"], False),
    "numbers that are none": (["* 99999999999999 EXISTS"], False),
}


@pytest.mark.parametrize("news", NEWS)
def test_only_more_messages_than_before_are_news(news: str) -> None:
    said, expected = NEWS[news]
    with scripted(["+ idling", *said, Ask(""), "$tag OK done"]) as server:
        line = idling(server)
        before = hear_until(line, IdlePhase.WAITING)
        line.act()
        assert (hear_until(line, IdlePhase.ENTERING) or before) is expected
        line.drop()


def test_half_a_line_waits_for_its_rest() -> None:
    with scripted(["+ idling", b"* 2 EX", Ask(""), b"ISTS\r\n", "$tag OK done"]) as server:
        line = entered(idling(server))
        line.act()
        assert hear_until(line, IdlePhase.ENTERING)
        line.drop()


def test_it_is_renewed_within_ten_minutes_and_not_all_at_once() -> None:
    assert RENEW_AFTER <= 600
    waits = set()
    with scripted(["+ idling", Ask(""), "$tag OK done"]) as server:
        line = entered(idling(server))
        for _ in range(5):
            waits.add(round(line.acts_at - clock.monotonic()))
            line.act()
            assert line.phase is IdlePhase.LEAVING
            entered(line)
        line.drop()
    assert [command.tag for command in server.commands].count("DONE") == 5
    assert server.keys.count("IDLE") == 6
    assert len(waits) > 1
    assert all(RENEW_AFTER * 0.8 < wait <= RENEW_AFTER for wait in waits)


@pytest.mark.parametrize("silent_at", ["IDLE", "DONE"])
def test_a_line_on_which_no_answer_comes_is_given_up(silent_at: str) -> None:
    with scripted([Silence()] if silent_at == "IDLE" else ["+ idling", Silence()]) as server:
        line = idling(server)
        if silent_at == "DONE":
            entered(line).act()
        assert 0 < line.acts_at - clock.monotonic() <= ANSWER_WITHIN
        with pytest.raises(DeadlineExceeded):
            line.act()
        assert line.fileno() == -1


ENDS: dict[str, tuple[Reply, type[WireError]]] = {
    "bye": (["+ idling", "* BYE shutting down"], ConnectionLost),
    "bye, too many connections": (["+ idling", "* BYE [LIMIT] too many"], Throttled),
    "cut": (["+ idling", Cut()], ConnectionLost),
    "reset": (["+ idling", Cut(reset=True)], ConnectionLost),
    "refused": (["$tag NO not here"], NotOffered),
    "not known after all": (["$tag BAD what"], NotOffered),
    "throttled": (["$tag NO [LIMIT] Maximum number of connections"], Throttled),
    "ended at once": (["+ idling", "$tag OK that was it"], ConnectionLost),
    "no imap": (["+ idling", "HTTP/1.1 200 OK"], ProtocolViolation),
    "a line without end": (["+ idling", b"* " + b"x" * 70_000], ProtocolViolation),
}


@pytest.mark.parametrize("end", ENDS)
def test_how_it_may_end(end: str) -> None:
    steps, expected = ENDS[end]
    with scripted(steps) as server:
        line = idling(server)
        with pytest.raises(expected):
            hear_on(line)
        assert line.fileno() == -1


def test_a_flood_ends_the_connection_before_memory_does() -> None:
    with scripted(["+ idling", *(["* OK " + "x" * 60_000] * 80), Silence()]) as server:
        line = idling(server)
        with pytest.raises(ProtocolViolation):
            hear_on(line)


def test_a_server_that_does_not_offer_it_is_not_asked() -> None:
    plain: dict[str, Reply] = {
        GREETING: ["* OK [CAPABILITY IMAP4rev1] ready"],
        "CAPABILITY": ["* CAPABILITY IMAP4rev1", "$tag OK done"],
    }
    with scripted(["+ idling"], plain) as server:
        source = open_imap(Server(server.host, server.port, Security.NONE), Login("user", Secret("secret")))
        source.select("INBOX", writable=False)
        with pytest.raises(NotOffered):
            source.idle()
        source.drop()
    assert "IDLE" not in server.keys


def test_a_real_server_tells_of_new_mail_through_tls_too(dovecot: DovecotServer, certificates: Certificates) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [b"Subject: first\r\n\r\n"])
    trust = TlsTrust(ca=str(certificates.good.authority))
    where = Server("localhost", dovecot.ports.imaps, Security.TLS, trust)
    source = open_imap(where, Login(user, Secret("secret")))
    source.select("INBOX", writable=False)
    line = entered(source.idle())
    for number in range(2):
        dovecot.deliver(user, [f"Subject: {number}\r\n\r\n".encode()])
        # Of itself: the line is not renewed, and nothing is asked for.
        while not hear(line):
            pass
        assert line.phase is IdlePhase.WAITING
        line.act()
        entered(line)
    line.leave()
