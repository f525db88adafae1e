"""The scripted servers satisfy ordinary clients, and misbehave as told."""

import imaplib
import poplib
import smtplib
import socket

import pytest

from tests.fakes.imap import RAW, ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.smtp import ScriptedSmtp
from tests.fakes.steps import GREETING, Ask, Command, Cut, Drip, Flood, Silence, StartTls, Steps, TakeMessage
from tests.servers.certificates import Certificates
from tests.waiting import PATIENCE, until


def imap(server: ScriptedImap) -> imaplib.IMAP4:
    connection = imaplib.IMAP4(server.host, server.port, timeout=PATIENCE)
    connection.login("ada", "pw")
    connection.select("INBOX")
    return connection


def test_good_imap_server_serves_one_message() -> None:
    with ScriptedImap() as server, imap(server) as connection:
        assert connection.uid("SEARCH", "ALL") == ("OK", [b"1"])
        assert connection.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1] == RAW
    assert server.keys == ["CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "LOGOUT"]


def test_commands_with_literals_are_one_command() -> None:
    with ScriptedImap({"APPEND": ["$tag OK done"]}) as server, imap(server) as connection:
        assert connection.append("INBOX", "", "", b"line\r\nline\r\n")[0] == "OK"
    assert "line\r\nline" in server.commands[3].text


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([fetched(1, None), "$tag OK done"], [b"1 (UID 1 FLAGS () RFC822.SIZE 0 BODY[] NIL)"]),
        (["$tag OK nothing"], [None]),
    ],
)
def test_imap_server_may_have_no_body(steps: list[str | bytes], outcome: list[bytes | None]) -> None:
    with ScriptedImap({"UID FETCH": steps}) as server, imap(server) as connection:
        assert connection.uid("FETCH", "1", "(BODY.PEEK[])")[1] == outcome


@pytest.mark.parametrize("upto", [0, 1, len(RAW) - 1, len(RAW)])
@pytest.mark.parametrize("reset", [False, True])
def test_imap_server_may_cut_inside_a_literal(upto: int, reset: bool) -> None:
    with ScriptedImap({"UID FETCH": [fetched(1, upto=upto), Cut(reset)]}) as server:
        connection = imap(server)
        with pytest.raises((imaplib.IMAP4.abort, ConnectionResetError)):
            connection.uid("FETCH", "1", "(BODY.PEEK[])")
        connection.shutdown()


def test_imap_server_may_announce_what_never_comes() -> None:
    script = {"UID FETCH": [fetched(1, announced=99_000_000_000, upto=3), Silence()]}
    with (
        ScriptedImap(script) as server,
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection,
    ):
        connection.sendall(b"a UID FETCH 1 BODY[]\r\n")
        heard = b""
        while not heard.endswith(b"{99000000000}\r\nFro"):
            heard += connection.recv(1000)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize(("key", "heard"), [(GREETING, b""), ("SELECT", b"* OK"), ("NOOP", b"* OK")])
def test_server_may_be_silent_at_any_moment(key: str, heard: bytes) -> None:
    with (
        ScriptedImap({key: [Silence()]}) as server,
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection,
    ):
        if heard:
            assert connection.recv(1000).startswith(heard)
        connection.sendall(b"a " + key.encode() + b"\r\nb LOGOUT\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_drip_pauses_after_each_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    greeting, pauses = b"+OK slow as can be\r\n", list[float]()
    with ScriptedPop3({GREETING: [Drip(greeting, pause=7)]}) as server:
        monkeypatch.setattr(server.stopping, "wait", pauses.append)
        connection = poplib.POP3(server.host, server.port, timeout=PATIENCE)
        assert connection.getwelcome() + b"\r\n" == greeting
        until(lambda: len(pauses) == len(greeting))
        connection.close()
    assert set(pauses) == {7}


def test_flood_is_as_long_as_asked_for() -> None:
    script = {"STAT": [Flood(b"x" * 1000, 50), Cut()]}
    heard = b""
    with (
        ScriptedPop3(script) as server,
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection,
    ):
        connection.sendall(b"STAT\r\n")
        while chunk := connection.recv(100_000):
            heard += chunk
    assert heard == b"+OK ready\r\n" + b"x" * 50_000


def test_good_pop3_server_serves_one_message() -> None:
    raw = b"Subject: x\r\n\r\n.dot\r\n"
    with ScriptedPop3({"RETR": [retrieved(raw)]}) as server:
        connection = poplib.POP3(server.host, server.port, timeout=PATIENCE)
        connection.user("ada")
        connection.pass_("pw")
        assert connection.stat() == (1, len(RAW))
        assert connection.uidl()[1] == [b"1 one"]
        assert b"\r\n".join([*connection.retr(1)[1], b""]) == raw
        connection.quit()


def test_good_smtp_server_takes_messages() -> None:
    with ScriptedSmtp() as server, smtplib.SMTP(server.host, server.port, timeout=PATIENCE) as connection:
        connection.sendmail("a@example.com", ["b@example.com"], b"x\r\n.y\r\n")
    assert server.messages == [b"x\r\n..y\r\n"]
    assert server.commands[1].text == "mail FROM:<a@example.com>"


def test_reply_may_depend_on_the_connection_and_ask_back() -> None:
    def data(command: Command) -> Steps:
        return ["354 go", TakeMessage(), Cut()] if command.connection == 1 else ["354 go", TakeMessage(), "250 ok"]

    auth: Steps = [Ask("334 VXNlcm5hbWU6"), Ask("334 UGFzc3dvcmQ6"), "235 ok"]
    with ScriptedSmtp({"DATA": data, "EHLO": ["250-x", "250 AUTH LOGIN"], "AUTH": auth}) as server:
        for expected in (smtplib.SMTPServerDisconnected, None):
            connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
            connection.login("ada", "pw", initial_response_ok=False)
            if expected is None:
                connection.sendmail("a@example.com", ["b@example.com"], b"x\r\n")
            else:
                with pytest.raises(expected):
                    connection.sendmail("a@example.com", ["b@example.com"], b"x\r\n")
            connection.close()
    assert len(server.messages) == 2


def test_tls_from_the_first_byte_and_by_command(certificates: Certificates) -> None:
    context = certificates.good.client_context()
    with ScriptedPop3(certificate=certificates.good) as server:
        inside = poplib.POP3_SSL("localhost", server.port, context=context, timeout=PATIENCE)
        assert inside.noop().startswith(b"+OK")
        inside.quit()
    with ScriptedPop3({"STLS": ["+OK", StartTls(certificates.good)], "CAPA": ["+OK", "STLS", "."]}) as server:
        later = poplib.POP3("localhost", server.port, timeout=PATIENCE)
        later.stls(context)
        assert later.noop().startswith(b"+OK")
        later.quit()


def test_stops_at_once_though_a_client_hangs_inside_tls(certificates: Certificates) -> None:
    with (
        ScriptedPop3(certificate=certificates.good) as server,
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as in_handshake,
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as plain,
        certificates.good.client_context().wrap_socket(plain, server_hostname="localhost") as inside,
    ):
        assert inside.recv(100) == b"+OK ready\r\n"
        server.stop()
        assert not any(thread.is_alive() for thread in server._threads)
        assert in_handshake.recv(1) == b""


def test_a_mistake_in_a_script_is_reported() -> None:
    def wrong(_command: Command) -> Steps:
        raise KeyError("wrong")

    server = ScriptedPop3({"NOOP": wrong})
    with pytest.raises(KeyError, match="wrong"), server:
        _send_noop(server)


def _send_noop(server: ScriptedPop3) -> None:
    connection = poplib.POP3(server.host, server.port, timeout=PATIENCE)
    with pytest.raises(poplib.error_proto):
        connection.noop()
    connection.close()
