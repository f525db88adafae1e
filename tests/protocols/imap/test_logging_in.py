"""IMAP up to the login: what a server may say before it, and what must not leave us in clear."""

import pytest

from core.errors import (
    ConnectionLost,
    LoginRefused,
    NotOffered,
    ProtocolViolation,
    Throttled,
    TlsFailed,
    TlsMissing,
    WireError,
)
from core.protocols.server import Login, Server
from core.protocols.sessions import open_imap
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.protocols.imap.sessions import LOGIN, opened
from tests.protocols.scripted import ScriptedServer, Talk, imap_script
from tests.servers.certificates import Certificates


def test_a_server_that_repeats_the_password_does_not_spread_it() -> None:
    with pytest.raises(LoginRefused) as raised:
        opened(imap_script({b"LOGIN": (b"%s NO canary-9f2 is not the password",)}))
    assert "canary-9f2" not in f"{raised.value}{raised.value.reply}"
    assert "****" in raised.value.reply


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_a_claim_that_we_are_logged_in_already_is_not_believed(security: Security) -> None:
    with pytest.raises(ProtocolViolation) as raised:
        opened(imap_script(greeting=b"* PREAUTH welcome"), security)
    assert raised.value.__dict__["heard"] == []


@pytest.mark.parametrize("greeting", [b"220 mail ESMTP", b"+OK pop3", b"HTTP/1.1 400 Bad Request", b"\x15\x03\x01"])
def test_what_is_no_imap_server_is_told(greeting: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="no IMAP server"):
        opened(imap_script(greeting=greeting))


def test_a_greeting_that_throttles(request: pytest.FixtureRequest) -> None:
    with pytest.raises(Throttled):
        opened(imap_script(greeting=b"* BYE [UNAVAILABLE] too busy"))


def test_required_tls_that_is_not_offered_ends_it_before_the_password() -> None:
    with pytest.raises(TlsMissing) as raised:
        opened(imap_script(), Security.STARTTLS)
    assert raised.value.is_permanent
    assert raised.value.__dict__["heard"] == [b"P1 CAPABILITY"]


def test_tls_that_is_offered_and_then_refused_ends_it_before_the_password() -> None:
    with pytest.raises(WireError) as raised:
        opened(
            imap_script({b"STARTTLS": (b"%s NO not today",)}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS"),
            Security.STARTTLS,
        )
    assert not any(b"LOGIN" in line for line in raised.value.__dict__["heard"])


def test_what_was_said_in_clear_behind_the_leave_for_tls_is_not_used() -> None:
    def inject(talk: Talk) -> None:
        talk.say(b"P2 OK go ahead", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN", b"P3 OK logged in")
        talk.stay_silent()

    with pytest.raises(ProtocolViolation, match="in clear after agreeing"):
        opened(imap_script({b"STARTTLS": inject}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS"), Security.STARTTLS)


def test_what_was_offered_in_clear_is_forgotten_with_tls(certificates: Certificates) -> None:
    def starttls(talk: Talk) -> None:
        talk.say(b"P2 OK go ahead")
        talk.secure(certificates.good)
        while line := talk.hear():
            tag, _, verb = line.partition(b" ")
            said = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" if verb == b"CAPABILITY" else b""
            talk.send(b"+ \r\n" if verb.startswith(b"AUTH") else b"")
            if verb.startswith(b"AUTH"):
                talk.hear()
            talk.send(said + tag + b" OK done\r\n")

    script = imap_script({b"STARTTLS": starttls}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED SASL-IR")
    with ScriptedServer(script) as server:
        trust = TlsTrust(ca=str(certificates.good.authority))
        source = open_imap(server.server(Security.STARTTLS, trust), LOGIN)
        source.drop()
        assert b"P4 AUTHENTICATE PLAIN" in server.heard, "SASL-IR was announced in clear only"
    assert source.facts.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}


def test_a_login_that_is_disabled_is_not_tried() -> None:
    with pytest.raises(NotOffered, match="in clear") as raised:
        opened(imap_script(capabilities=b"* CAPABILITY IMAP4rev1 LOGINDISABLED"))
    assert not any(b"canary" in line for line in raised.value.__dict__["heard"])


@pytest.mark.parametrize("user", ["ann\r\nP9 DELETE INBOX", "a\0b"])
def test_a_user_name_cannot_smuggle_a_command(user: str) -> None:
    with ScriptedServer(imap_script()) as server:
        with pytest.raises(Exception, match="line break"):
            open_imap(server.server(), Login(user, Secret("x")))
        assert not any(b"DELETE" in line for line in server.heard)


def test_a_refused_token_is_answered_with_an_empty_line_and_told() -> None:
    def refuse(talk: Talk) -> None:
        talk.say(b"+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert talk.hear() == b""
        talk.say(b"P2 NO AUTHENTICATE failed.")

    script = imap_script({b"AUTHENTICATE": refuse}, capabilities=b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR")
    with ScriptedServer(script) as server, pytest.raises(LoginRefused):
        open_imap(server.server(), Login("ann", token=lambda: "tok"))


def test_a_token_is_not_given_to_a_server_that_takes_none() -> None:
    with ScriptedServer(imap_script()) as server:
        with pytest.raises(NotOffered, match="OAuth"):
            open_imap(server.server(), Login("ann", token=lambda: "tok"))
        assert server.heard == [b"P1 CAPABILITY"]


def test_tls_from_the_first_byte_on_a_port_in_clear_is_told() -> None:
    with ScriptedServer(imap_script()) as server, pytest.raises((TlsFailed, ConnectionLost)):
        open_imap(Server("127.0.0.1", server.port, Security.TLS), LOGIN)
