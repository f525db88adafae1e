"""What a relay offers is used, what it does not offer is done without: seen on the wire."""

import email.policy
import quopri
from email.parser import BytesParser

import pytest

from core.protocols.smtp.connection import SmtpConnection, open_smtp
from core.protocols.smtp.submission import SubmitResult
from tests.protocols.scripted import Script, ScriptedServer, Talk

UTF8 = "Subject: grün\r\nMessage-ID: <a+b=c@example.org>\r\n\r\nschön\r\n".encode()


def relay(*features: bytes) -> Script:
    """A relay that says nothing until it has the whole envelope, where it offers to take it in one piece."""

    def script(talk: Talk) -> None:
        talk.say(b"220 ready")
        talk.hear()
        talk.say(*(b"250-" + line for line in (b"relay", *features)), b"250 HELP")
        waits = b"PIPELINING" in features
        pending = 0
        while line := talk.hear():
            verb = line[:4].upper()
            pending += 1
            if verb == b"DATA":
                talk.say(*[b"250 ok"] * (pending - 1), b"354 go")
                while talk.hear() not in (b".", b""):
                    pass
                talk.say(b"250 taken")
                pending = 0
            elif verb == b"QUIT":
                talk.say(b"221 bye")
            elif not waits:
                talk.say(b"250 ok")
                pending = 0

    return script


def submitted(
    raw: bytes, *features: bytes, sender: str = "a@b.c", to: tuple[str, ...] = ("d@e.f",)
) -> tuple[SubmitResult, list[bytes]]:
    with ScriptedServer(relay(*features)) as server:
        connection: SmtpConnection = open_smtp(server.server(), None, ehlo_name="c")
        result = connection.submit(sender, to, raw, "a+b=c")
        connection.quit()
    return result, server.heard[1:]


def test_an_envelope_is_sent_ahead_whole_where_that_is_offered() -> None:
    """The relay answers nothing before DATA has come: whoever waited for a reply would wait for ever."""
    result, heard = submitted(b"x\r\n", b"PIPELINING", to=("d@e.f", "g@h.i"))
    assert result.accepted == ("d@e.f", "g@h.i")
    assert heard[:4] == [b"MAIL FROM:<a@b.c>", b"RCPT TO:<d@e.f>", b"RCPT TO:<g@h.i>", b"DATA"]


@pytest.mark.parametrize(
    ("features", "mail", "body"),
    [
        ((b"8BITMIME",), b"MAIL FROM:<a@b.c> BODY=8BITMIME", "schön".encode()),
        ((), b"MAIL FROM:<a@b.c>", quopri.encodestring("schön".encode())),
        ((b"8BITMIME", b"SMTPUTF8"), b"MAIL FROM:<a@b.c> BODY=8BITMIME", "schön".encode()),
        ((b"DSN",), b"MAIL FROM:<a@b.c> RET=HDRS ENVID=a+2Bb+3Dc", None),
        ((b"SIZE 1000",), None, None),
    ],
)
def test_each_extension_is_used_where_it_is_offered(
    features: tuple[bytes, ...], mail: bytes | None, body: bytes | None
) -> None:
    result, heard = submitted(UTF8, *features)
    assert result.taken
    if mail is not None:
        assert heard[0] == mail
    else:
        size = sum(len(line) + 2 for line in heard[heard.index(b"DATA") + 1 : heard.index(b".")])
        assert heard[0] == b"MAIL FROM:<a@b.c> SIZE=%d" % size
    assert b"Subject: =?utf-8?B?Z3LDvG4=?=" in heard
    if body is not None:
        assert body in heard


def test_an_address_beyond_ascii_goes_where_it_is_taken_and_nowhere_else() -> None:
    result, heard = submitted(UTF8, b"8BITMIME", b"SMTPUTF8", to=("jörg@e.f",))
    assert result.taken
    assert heard[:2] == [b"MAIL FROM:<a@b.c> BODY=8BITMIME SMTPUTF8", "RCPT TO:<jörg@e.f>".encode()]
    assert "Subject: grün".encode() in heard
    result, heard = submitted(UTF8, b"8BITMIME", to=("jörg@e.f",))
    assert (result.taken, str(result.reply)[:9]) == (False, "550 5.6.7")
    assert heard == [b"QUIT"]


def test_who_cannot_be_named_fails_alone_and_stands_in_the_header_as_a_name() -> None:
    raw = "To: Jörg <jörg@e.f>,\r\n Ann <d@e.f>\r\nCc: jürg@e.f\r\nSubject: x\r\n\r\nbody\r\n".encode()

    result, heard = submitted(raw, b"8BITMIME", to=("jörg@e.f", "d@e.f", "jürg@e.f"))

    assert result.accepted == ("d@e.f",)
    assert [reply and (reply.enhanced, reply.is_ours) for _, reply in result.recipients] == [
        ("5.6.7", True), ("", False), ("5.6.7", True),
    ]  # fmt: skip
    assert heard[:2] == [b"MAIL FROM:<a@b.c>", b"RCPT TO:<d@e.f>"]
    header = b"\r\n".join(heard[heard.index(b"DATA") + 1 : heard.index(b"body") - 1])
    parsed = BytesParser(policy=email.policy.default).parsebytes(header)
    assert [(group.display_name, [one.addr_spec for one in group.addresses]) for group in parsed["to"].groups] == [
        ("Jörg <jörg@e.f>", []), (None, ["d@e.f"]),
    ]  # fmt: skip
    assert parsed["cc"].groups[0].display_name == "jürg@e.f"


def test_a_sender_beyond_ascii_fails_for_all_where_it_cannot_be_said() -> None:
    raw = "From: jörg@b.c\r\nTo: d@e.f\r\n\r\nbody\r\n".encode()
    for sender, message in (("jörg@b.c", b"body\r\n"), ("a@b.c", raw)):
        result, heard = submitted(message, b"8BITMIME", to=("d@e.f",), sender=sender)
        assert (result.taken, str(result.reply)[:9], heard) == (False, "550 5.6.7", [b"QUIT"])


def test_a_relay_that_lists_nothing_offers_nothing_whatever_its_greeting_says() -> None:
    def script(talk: Talk) -> None:
        talk.say(b"220-relay", b"220-PIPELINING", b"220 SMTPUTF8")
        talk.hear()
        talk.say(b"250 relay")
        talk.stay_silent()

    with ScriptedServer(script) as server:
        connection = open_smtp(server.server(), None, ehlo_name="c")
        assert not connection.offers("PIPELINING")
        assert not connection.offers("SMTPUTF8")
        connection.drop()
