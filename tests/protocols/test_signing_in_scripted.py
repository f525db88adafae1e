"""Signing in to servers that lie, and where somebody may listen."""

import base64
from collections.abc import Callable

import pytest

from core.errors import LoginRefused, NotOffered, ProtocolViolation, SmtpRefused, WireError
from core.protocols.causes import advice
from core.protocols.opening import finished
from core.protocols.sasl import choice
from core.protocols.server import Login, Server
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.smtp.connection import SmtpConnection, opening_smtp
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Spoken, Transcript
from core.secret import Secret
from tests.protocols.scripted import Answer, Script, ScriptedServer, Talk, imap_script, line_script
from tests.servers.certificates import Certificates

CANARY = "canary-7c4"
LOGIN = Login("ann", Secret(CANARY))


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server were on another machine, where somebody may listen: all of them are on loopback here."""
    monkeypatch.setattr(choice, "is_overheard", lambda _ip, is_encrypted: not is_encrypted)


def _imap_offering(*mechanisms: str, signing_in: Script) -> Script:
    offered = " ".join(f"AUTH={name}" for name in mechanisms)
    capabilities = f"* CAPABILITY IMAP4rev1 LOGINDISABLED SASL-IR {offered}".encode()
    return imap_script({b"AUTHENTICATE": signing_in}, capabilities=capabilities)


def _pop3_offering(*mechanisms: str, signing_in: Script) -> Script:
    answers: dict[bytes, Answer] = {
        b"CAPA": (b"+OK", f"SASL {' '.join(mechanisms)}".encode(), b"."),
        b"AUTH": signing_in,
    }
    return line_script(b"+OK ready", answers, b"+OK")


def _smtp_offering(*mechanisms: str, signing_in: Script) -> Script:
    answers: dict[bytes, Answer] = {
        b"EHLO": (b"250-relay", f"250 AUTH {' '.join(mechanisms)}".encode()),
        b"AUTH": signing_in,
    }
    return line_script(b"220 relay", answers, b"250 ok")


def _smtp(server: Server, login: Login, *, transcript: Transcript | None = None) -> SmtpConnection:
    return finished(opening_smtp(server, login, "client.example", transcript=transcript))


Offering = Callable[..., Script]
Opening = Callable[..., object]
DIALOGUES = [
    pytest.param(_imap_offering, open_imap, (b"+ ", b"P2 OK welcome"), id="imap"),
    pytest.param(_pop3_offering, open_pop3, (b"+ ", b"+OK welcome"), id="pop3"),
    pytest.param(_smtp_offering, _smtp, (b"334 ", b"235 welcome"), id="smtp"),
]


def _first(heard: bytes) -> bytes:
    """A server's first message to a client's, which it cannot have made up before."""
    nonce = base64.b64decode(heard.split()[-1]).rpartition(b"r=")[2]
    return b"r=" + nonce + b"more,s=c2FsdA==,i=4096"


@pytest.mark.parametrize(("offering", "open_one", "words"), DIALOGUES)
@pytest.mark.parametrize("signature", [b"v=" + base64.b64encode(b"x" * 32), None], ids=["wrong", "none"])
def test_a_server_that_does_not_know_the_password_is_found_out_and_gets_no_other_login(
    offering: Offering, open_one: Opening, words: tuple[bytes, bytes], signature: bytes | None, overheard: None
) -> None:
    challenge, yes = words

    def lie(talk: Talk) -> None:
        if open_one is open_pop3:
            talk.say(challenge)
            talk.hear()
        talk.say(challenge + base64.b64encode(_first(talk.last)))
        talk.hear()
        if signature is not None:
            talk.say(challenge + base64.b64encode(signature))
            talk.hear()
        talk.say(yes)
        talk.stay_silent()

    with ScriptedServer(offering("SCRAM-SHA-256", "PLAIN", signing_in=lie)) as server:
        with pytest.raises(ProtocolViolation, match="did not prove"):
            open_one(server.server(), LOGIN)
        assert not any(b"PLAIN" in line for line in server.heard)


@pytest.mark.parametrize(("offering", "open_one", "words"), DIALOGUES)
@pytest.mark.parametrize("said", [b"", b"!!!!", base64.b64encode(b"\xff\x00"), base64.b64encode(b"r=x,s=c2FsdA==,i=1")])
def test_a_challenge_that_makes_no_sense_ends_it(
    offering: Offering, open_one: Opening, words: tuple[bytes, bytes], said: bytes
) -> None:
    def lie(talk: Talk) -> None:
        if open_one is open_pop3:
            talk.say(words[0])
            talk.hear()
        talk.say(words[0] + said)
        talk.stay_silent()

    with (
        ScriptedServer(offering("SCRAM-SHA-256", signing_in=lie)) as server,
        pytest.raises(ProtocolViolation, match=r"challenge|what we said"),
    ):
        open_one(server.server(), LOGIN)


def _refusing(*refused: bytes, no: bytes, yes: bytes = b"235 ok") -> Script:
    """Takes any login but by these."""

    def script(talk: Talk) -> object:
        talk.say(no if any(each in talk.last for each in refused) else yes)
        return True

    return script


def test_a_password_goes_over_an_open_line_only_where_nothing_else_works(overheard: None) -> None:
    script = _refusing(b"SCRAM", no=b"535 5.7.8 no")
    with ScriptedServer(_smtp_offering("SCRAM-SHA-256", "PLAIN", signing_in=script)) as server:
        _smtp(server.server(), LOGIN).drop()
        _smtp(server.server(), LOGIN).drop()
        begun = [line.split()[1] for line in server.heard if line.startswith(b"AUTH")]
    assert begun == [b"SCRAM-SHA-256", b"PLAIN", b"PLAIN"]


def test_a_password_does_not_go_over_an_open_line_because_the_server_is_out_of_order(overheard: None) -> None:
    script = _refusing(b"SCRAM", no=b"454 4.7.0 Temporary authentication failure")
    with ScriptedServer(_smtp_offering("SCRAM-SHA-256", "PLAIN", signing_in=script)) as server:
        with pytest.raises(SmtpRefused, match="cannot check the login now"):
            _smtp(server.server(), LOGIN)
        assert not any(b"PLAIN" in line for line in server.heard)


def test_what_is_known_of_a_server_is_forgotten_when_it_refuses_it(overheard: None) -> None:
    refused = [b"SCRAM"]

    def script(talk: Talk) -> object:
        talk.say(b"535 5.7.8 no" if refused[0] in talk.last else b"235 ok")
        return True

    with ScriptedServer(_smtp_offering("SCRAM-SHA-256", "PLAIN", signing_in=script)) as server:
        _smtp(server.server(), LOGIN).drop()
        refused[0] = b"AUTH"  # the password is another one meanwhile
        with pytest.raises(LoginRefused):
            _smtp(server.server(), LOGIN)
        refused[0] = b"SCRAM"
        _smtp(server.server(), LOGIN).drop()
        begun = [line.split()[1] for line in server.heard if line.startswith(b"AUTH")]
    assert begun == [b"SCRAM-SHA-256", b"PLAIN", b"PLAIN", b"SCRAM-SHA-256", b"PLAIN"]


@pytest.mark.parametrize(
    "no",
    [b"504 5.7.4 Unrecognized authentication type", b"535 5.7.8 Unsupported SASL mechanism", b"538 5.7.11 use TLS"],
)
def test_a_mechanism_that_is_offered_and_not_known_is_passed_over(no: bytes) -> None:
    script = _refusing(b"PLAIN", no=no)
    with ScriptedServer(_smtp_offering("PLAIN", "LOGIN", signing_in=script)) as server:
        _smtp(server.server(), LOGIN).drop()
        begun = [line.split()[1] for line in server.heard if line.startswith(b"AUTH")]
    assert begun == [b"PLAIN", b"LOGIN"]


def test_where_no_password_is_taken_as_it_is_after_all_a_challenge_is_answered() -> None:
    def script(talk: Talk) -> object:
        if b"PLAIN" in talk.last:
            talk.say(b"+ ")
            talk.hear()
            talk.say(b"-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.")
        else:
            talk.say(b"+ " + base64.b64encode(b"<1@mail.example>"))
            talk.hear()
            talk.say(b"+OK welcome")
        return True

    with ScriptedServer(_pop3_offering("PLAIN", "CRAM-MD5", signing_in=script)) as server:
        open_pop3(server.server(), LOGIN).close()
        begun = [line.split()[1] for line in server.heard if line.startswith(b"AUTH")]
    assert begun == [b"PLAIN", b"CRAM-MD5"]


@pytest.mark.parametrize("login", [LOGIN, Login("ann", token=lambda: CANARY)], ids=["password", "token"])
@pytest.mark.parametrize(("offering", "open_one", "words"), DIALOGUES)
def test_what_a_server_repeats_of_a_login_is_not_shown(
    offering: Offering, open_one: Opening, words: tuple[bytes, bytes], login: Login
) -> None:
    no = {b"+OK welcome": b"-ERR ", b"P2 OK welcome": b"P2 NO ", b"235 welcome": b"535 "}[words[1]]

    def script(talk: Talk) -> None:
        if open_one is open_pop3:
            talk.say(words[0])
            talk.hear()
        talk.say(no + b"unknown: " + talk.last)
        talk.stay_silent()

    spoken: list[Spoken] = []
    with ScriptedServer(offering("PLAIN", "XOAUTH2", signing_in=script)) as server:
        with pytest.raises(LoginRefused) as raised:
            open_one(server.server(), login, transcript=Transcript(spoken.append))
        message = server.heard[-1].split()[-1].decode()
    told = "".join([advice(raised.value), raised.value.reply, *(each.text for each in spoken)])
    assert CANARY.encode() in base64.b64decode(message)
    assert message not in told
    assert CANARY not in told


def test_challenges_without_end_leave_nothing_behind() -> None:
    spoken: list[Spoken] = []
    transcript = Transcript(spoken.append)

    def script(talk: Talk) -> None:
        for _ in range(500):
            talk.say(b"334 ")
            talk.hear()
        talk.say(b"535 no")
        talk.stay_silent()

    with ScriptedServer(_smtp_offering("PLAIN", signing_in=script)) as server, pytest.raises(LoginRefused):
        _smtp(server.server(), LOGIN, transcript=transcript)
    assert len(transcript._secrets) == 2


def test_a_password_with_quotes_is_not_shown_as_it_stands_in_the_command() -> None:
    spoken: list[Spoken] = []
    login = Login("ann", Secret('7c"4\\'))

    def script(talk: Talk) -> None:
        talk.say(b"P2 BAD unknown: " + talk.last)
        talk.stay_silent()

    with ScriptedServer(imap_script({b"LOGIN": script})) as server, pytest.raises(LoginRefused) as raised:
        open_imap(server.server(), login, transcript=Transcript(spoken.append))
    assert not any("7c" in text for text in (advice(raised.value), *(each.text for each in spoken)))


@pytest.mark.parametrize(("offering", "open_one"), [(_pop3_offering, open_pop3), (_smtp_offering, _smtp)])
@pytest.mark.parametrize("known", [(), ("PLAIN",)])
def test_what_is_offered_is_told_in_clean_words(offering: Offering, open_one: Opening, known: tuple[str, ...]) -> None:
    no = b"535 no" if open_one is _smtp else b"-ERR no"
    names = ("\x1b]0;title\x07", *(f"WAY-{number}" for number in range(100)), *known)
    with (
        ScriptedServer(offering(*names, signing_in=_refusing(b"PLAIN", no=no))) as server,
        pytest.raises(WireError) as raised,
    ):
        open_one(server.server(), LOGIN)
    told = advice(raised.value)
    assert "WAY-1" in told
    assert told.isprintable()
    assert len(told) < 600


@pytest.mark.parametrize("no", [b"535 5.7.8 wrong", b"454 4.7.0 later", b"421 4.3.2 going"])
def test_a_refused_password_is_tried_once(no: bytes) -> None:
    script = _refusing(b"PLAIN", no=no)
    with ScriptedServer(_smtp_offering("PLAIN", "LOGIN", "CRAM-MD5", signing_in=script)) as server:
        with pytest.raises(WireError):
            _smtp(server.server(), LOGIN)
        assert sum(line.startswith(b"AUTH") for line in server.heard) == 1


@pytest.mark.parametrize(
    ("offering", "open_one"), [(_imap_offering, open_imap), (_pop3_offering, open_pop3), (_smtp_offering, _smtp)]
)
@pytest.mark.parametrize(
    ("offered", "told"),
    [
        (("GSSAPI", "NTLM"), "no way to log in that we know: GSSAPI, NTLM"),
        (("XOAUTH2", "OAUTHBEARER"), r"access tokens \(OAuth 2\) alone: OAUTHBEARER, XOAUTH2"),
    ],
)
def test_what_is_offered_is_named_where_we_know_none_of_it(
    certificates: Certificates, offering: Offering, open_one: Opening, offered: tuple[str, ...], told: str
) -> None:
    def secured(talk: Talk) -> None:
        talk.secure(certificates.good)
        offering(*offered, signing_in=Talk.stay_silent)(talk)

    trust = TlsTrust(ca=str(certificates.good.authority))
    with ScriptedServer(secured) as server:
        with pytest.raises(NotOffered, match=told):
            open_one(server.server(Security.TLS, trust), LOGIN)
        assert not any(CANARY.encode() in line for line in server.heard)
