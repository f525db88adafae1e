"""The proxy passes what it should, and spoils what a rule says."""

import imaplib
import poplib
import socket
import time

import pytest

from tests.fakes.faults import Direction, Fault, Rule, position
from tests.fakes.imap import RAW, ScriptedImap
from tests.fakes.pop3 import ScriptedPop3
from tests.fakes.proxy import Line, Proxy, _Link
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE, until

GREETING = b"+OK ready\r\n"


@pytest.mark.parametrize(
    ("rule", "passed", "piece", "expected"),
    [
        (Rule(Direction.TO_CLIENT, Fault.CUT), 0, b"abc", 0),
        (Rule(Direction.TO_CLIENT, Fault.CUT, after=2), 0, b"abc", 2),
        (Rule(Direction.TO_CLIENT, Fault.CUT, after=3), 0, b"abc", None),
        (Rule(Direction.TO_CLIENT, Fault.CUT, after=5), 3, b"abc", 2),
        (Rule(Direction.TO_CLIENT, Fault.CUT, after=1), 3, b"abc", 0),
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"b"), 9, b"abc", 1),
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"b", including=True), 9, b"abc", 2),
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"x"), 9, b"abc", None),
    ],
)
def test_where_a_rule_acts(rule: Rule, passed: int, piece: bytes, expected: int | None) -> None:
    assert position(rule, passed, piece) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"bcd"), 0),
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"bcd", including=True), 2),
        (Rule(Direction.TO_CLIENT, Fault.CUT, at=b"ab"), None),
    ],
)
def test_a_match_may_begin_in_the_piece_before(rule: Rule, expected: int | None) -> None:
    assert position(rule, 2, b"cde", b"ab") == expected


def heard_through(proxy: Proxy, wanted: int) -> bytes:
    """What a client hears from the proxy, at most so many bytes."""
    heard = b""
    with socket.create_connection((proxy.host, proxy.port), timeout=PATIENCE) as connection:
        while len(heard) < wanted and (piece := connection.recv(wanted - len(heard))):
            heard += piece
    return heard


def test_without_rules_all_passes_and_lines_are_recorded(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [RAW])
    with Proxy(dovecot.ports.imap) as proxy:
        before = time.monotonic()
        with imaplib.IMAP4(proxy.host, proxy.port, timeout=PATIENCE) as connection:
            connection.login(user, "secret")
            connection.select()
            assert connection.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1] == RAW
        assert [line.text.split()[1] for line in proxy.lines] == ["CAPABILITY", "LOGIN", "SELECT", "UID", "LOGOUT"]
        assert before < proxy.lines[0].at < proxy.lines[-1].at < time.monotonic()


def test_ends_tls_and_sees_the_commands(dovecot: DovecotServer, certificates: Certificates) -> None:
    user = dovecot.fresh_user()
    with Proxy(dovecot.ports.pop3, certificate=certificates.good) as proxy:
        context = certificates.good.client_context()
        connection = poplib.POP3_SSL("localhost", proxy.port, context=context, timeout=PATIENCE)
        connection.user(user)
        connection.pass_("secret")
        connection.quit()
        assert [line.text for line in proxy.lines] == [f"USER {user}", "PASS secret", "QUIT"]


def test_passes_much_in_both_directions_inside_tls(dovecot: DovecotServer, certificates: Certificates) -> None:
    user = dovecot.fresh_user()
    raw = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 40_000
    with Proxy(dovecot.ports.imap, certificate=certificates.good) as proxy:
        context = certificates.good.client_context()
        with imaplib.IMAP4_SSL("localhost", proxy.port, ssl_context=context, timeout=PATIENCE) as connection:
            connection.login(user, "secret")
            assert connection.append("INBOX", "", "", raw)[0] == "OK"
            connection.select()
            assert connection.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1] == raw


@pytest.mark.parametrize("after", [0, 1, len(GREETING) - 1])
def test_cuts_after_so_many_bytes(after: int) -> None:
    rule = Rule(Direction.TO_CLIENT, Fault.CUT, after=after)
    with ScriptedPop3() as server, Proxy(server.port, rule) as proxy:
        assert heard_through(proxy, 100) == GREETING[:after]


def test_resets() -> None:
    rule = Rule(Direction.TO_SERVER, Fault.RESET, at=b"STAT")
    with ScriptedPop3() as server, Proxy(server.port, rule) as proxy:
        connection = poplib.POP3(proxy.host, proxy.port, timeout=PATIENCE)
        with pytest.raises(ConnectionResetError):
            connection.stat()
        connection.close()
        assert server.keys == []


def test_blackhole_stays_connected_and_says_nothing() -> None:
    rule = Rule(Direction.TO_SERVER, Fault.BLACKHOLE, at=b"NOOP\r\n", including=True)
    with ScriptedImap() as server, Proxy(server.port, rule) as proxy:
        connection = imaplib.IMAP4(proxy.host, proxy.port, timeout=PATIENCE)
        connection.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.noop()
        until(lambda: len(server.keys) == 2)
        connection.shutdown()
        assert server.keys == ["CAPABILITY", "NOOP"]


def test_drips() -> None:
    rule = Rule(Direction.TO_CLIENT, Fault.DRIP, after=1, pause=0.02)
    with ScriptedPop3() as server, Proxy(server.port, rule) as proxy:
        began = time.monotonic()
        assert heard_through(proxy, len(GREETING)) == GREETING
        assert time.monotonic() - began > 0.02 * (len(GREETING) - 2)


def test_delays_once() -> None:
    rule = Rule(Direction.TO_CLIENT, Fault.DELAY, pause=0.2)
    with ScriptedPop3() as server, Proxy(server.port, rule) as proxy:
        began = time.monotonic()
        assert heard_through(proxy, len(GREETING)) == GREETING
        assert time.monotonic() - began >= 0.2


def test_a_rule_may_be_for_one_connection() -> None:
    rule = Rule(Direction.TO_CLIENT, Fault.CUT, connections=frozenset({1}))
    with ScriptedPop3() as server, Proxy(server.port, rule) as proxy:
        assert [heard_through(proxy, len(GREETING)) for _ in range(2)] == [b"", GREETING]


def test_all_connections_can_be_cut_now() -> None:
    with ScriptedPop3() as server, Proxy(server.port) as proxy:
        connection = poplib.POP3(proxy.host, proxy.port, timeout=PATIENCE)
        proxy.cut_all()
        with pytest.raises((poplib.error_proto, OSError)):
            connection.noop()
        connection.close()


def test_who_comes_anew_while_others_are_cut_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[poplib.POP3] = []
    end = _Link.end

    def end_and_come(link: _Link, reset: bool) -> None:
        end(link, reset)
        if not came:
            came.append(poplib.POP3(proxy.host, proxy.port, timeout=PATIENCE))  # returns when it has been greeted

    with ScriptedPop3() as server, Proxy(server.port) as proxy:
        first = poplib.POP3(proxy.host, proxy.port, timeout=PATIENCE)
        with monkeypatch.context() as during:
            during.setattr(_Link, "end", end_and_come)
            proxy.cut_all()
        came[0].noop()
        for connection in (first, *came):
            connection.close()


def test_a_watcher_is_asked_before_the_server_hears() -> None:
    def watch(line: Line) -> None:
        assert "DELE" not in line.text, "too early"

    with ScriptedPop3() as server:
        proxy = Proxy(server.port, watch=watch)
        with pytest.raises(AssertionError, match="too early"), proxy:
            _fail_to_delete(proxy)
        assert server.keys == []


def _fail_to_delete(proxy: Proxy) -> None:
    connection = poplib.POP3(proxy.host, proxy.port, timeout=PATIENCE)
    with pytest.raises((poplib.error_proto, OSError)):
        connection.dele(1)
    connection.close()
