"""What a reader of a dialogue sees, and what never."""

import base64
from collections.abc import Callable

import pytest

from core.errors import BadInput
from core.protocols.sasl import oauthbearer, plain, scrubbed, xoauth2
from core.protocols.server import Login
from core.protocols.sessions import open_imap
from core.protocols.source import Key
from core.protocols.transcript import Direction, Spoken, Transcript
from core.secret import Secret
from tests.protocols.scripted import Answer, ScriptedServer, imap_script

CANARY = "canary-8e1"


def told(tell: Callable[[Transcript], None]) -> list[str]:
    spoken: list[Spoken] = []
    transcript = Transcript(spoken.append)
    transcript.hide(CANARY)
    tell(transcript)
    return [each.text for each in spoken]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"* OK ready\r\n", "* OK ready"),
        (b"no " + CANARY.encode(), "no ****"),
        (base64.b64encode(CANARY.encode()), "****"),
        (b"\x1b]52;c;x\x07\xff", "\ufffd]52;c;x\ufffd\ufffd"),
        (b"x" * 1000, "x" * 399 + "\u2026"),
    ],
)
def test_lines_are_cleaned_cut_and_without_secrets(line: bytes, shown: str) -> None:
    assert told(lambda transcript: transcript.received(line)) == [shown]
    assert told(lambda transcript: transcript.sent(line)) == [shown]


def test_messages_are_told_by_their_size_alone() -> None:
    answers: dict[bytes, Answer] = {b"UID FETCH": (b"* 1 FETCH (UID 42 BODY[] {9}", b"confident)", b"%s OK done")}
    spoken: list[Spoken] = []
    with ScriptedServer(imap_script(answers)) as server:
        login = Login("ann", Secret(CANARY))
        source = open_imap(server.server(), login, transcript=Transcript(spoken.append))
        source.select("INBOX", writable=False)
        source.fetch([Key("INBOX", 7, 42, "")])
        source.drop()
    texts = [each.text for each in spoken]
    assert "{9 bytes}" in texts
    assert not any("confident" in text or CANARY in text for text in texts)
    assert [each.text for each in spoken if each.direction is Direction.SENT][1] == "P2 LOGIN ****"


def test_a_token_is_hidden_although_it_comes_late() -> None:
    capabilities = b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR"
    answers: dict[bytes, Answer] = {b"AUTHENTICATE": (b"%s OK hello " + CANARY.encode(),)}
    spoken: list[Spoken] = []
    with ScriptedServer(imap_script(answers, capabilities=capabilities)) as server:
        login = Login("ann", token=lambda: CANARY)
        open_imap(server.server(), login, transcript=Transcript(spoken.append)).drop()
        assert any(base64.b64encode(xoauth2("ann", CANARY)) in line for line in server.heard)
    texts = [each.text for each in spoken]
    assert "P2 AUTHENTICATE XOAUTH2 ****" in texts
    assert "P2 OK hello ****" in texts


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (plain("ann", "pw"), b"\0ann\0pw"),
        (plain("jörg", "pä"), "\0jörg\0pä".encode()),
        (xoauth2("a@b.c", "tok"), b"user=a@b.c\x01auth=Bearer tok\x01\x01"),
        (
            oauthbearer("a=b,c", "tok", "imap.x", 993),
            b"n,a=a=3Db=2Cc,\x01host=imap.x\x01port=993\x01auth=Bearer tok\x01\x01",
        ),
    ],
)
def test_what_sasl_mechanisms_send(made: bytes, expected: bytes) -> None:
    assert made == expected


@pytest.mark.parametrize("bad", ["a\0b", "a\rb", "a\nb"])
def test_sasl_takes_no_breaks(bad: str) -> None:
    for make in (
        lambda: plain(bad, "x"),
        lambda: plain("x", bad),
        lambda: xoauth2(bad, "x"),
        lambda: xoauth2("x", bad),
        lambda: oauthbearer("x", bad, "h", 1),
    ):
        with pytest.raises(BadInput):
            make()


def test_an_empty_secret_hides_nothing() -> None:
    assert scrubbed("all of it", ("",)) == "all of it"
