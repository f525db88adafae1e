"""The SMTP listener, by real clients: taken means durable, and everything else means a refusal in words."""

import os
import pwd
import smtplib
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from core import local_names
from core.errors import StoreBusy, StoreFull
from core.handles import Handles
from core.outbound.listener import desk as listener_desk
from core.secret import Secret
from core.services import settings
from core.services.actor import Actor
from tests.outbound.listening import MAIL, Listening, at_work, stripped
from tests.outbound.world import add_mailbox, recipients, rows

USER = pwd.getpwuid(os.geteuid()).pw_name


def test_a_message_is_in_the_outbox_when_it_is_answered(listening: Listening) -> None:
    with listening.client() as client:
        client.sendmail("app@example.org", ["b@example.net", "c@example.net"], MAIL)
        [row] = rows(listening.handles)
    assert (row.sender, row.has_sender, row.lane, row.state) == ("app@example.org", True, "normal", "queued")
    assert row.submitted_by == f"{USER} (smtp)"
    assert list(recipients(listening.handles)) == ["b@example.net", "c@example.net"]
    [raw] = listening.raws()
    assert raw.startswith(b"Received: from app.example ([127.0.0.1])\r\n\tby ")
    assert stripped(raw) == MAIL


def test_it_says_what_it_takes(listening: Listening) -> None:
    with listening.client() as client:
        client.ehlo()
        features = client.esmtp_features
    assert features["size"] == str(50 << 20)
    assert {"8bitmime", "smtputf8", "pipelining"} <= features.keys()
    assert not {"auth", "starttls", "dsn", "chunking"} & features.keys()


def test_eight_bits_dots_and_long_lines_come_as_they_were(listening: Listening) -> None:
    mail = MAIL + b".one dot\r\n..two\r\n" + "grün".encode() * 50_000 + b"\r\nend\r\n"
    with listening.client() as client:
        client.sendmail("app@example.org", "b@example.net", mail, mail_options=["BODY=8BITMIME"])
    assert stripped(listening.raws()[0]) == mail


def test_the_null_sender_and_addresses_beyond_ascii(listening: Listening) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "jörg@bücher.example", "zoë@example.net"
    message.set_content("hi")
    with listening.client() as client:
        client.sendmail("", "b@example.net", MAIL)
        client.send_message(message)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.org", ["zo\u00eb@example.net".encode().decode("latin-1")], MAIL)
    first, second = rows(listening.handles)
    assert (first.sender, first.has_sender) == ("", True)
    assert second.sender == "jörg@xn--bcher-kva.example"
    assert "zoë@example.net" in recipients(listening.handles)


def test_a_name_without_at_is_a_user_of_this_machine(
    listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aliases").write_text("postmaster: root\nroot: ops@example.org\n")
    (tmp_path / "mailname").write_text("box.example\n")
    monkeypatch.setattr(local_names, "ALIASES", tmp_path / "aliases")
    monkeypatch.setattr(local_names, "MAILNAME", tmp_path / "mailname")
    with listening.client() as client:
        client.sendmail("app", ["Postmaster", "root@localhost", "anna"], MAIL)
    assert list(recipients(listening.handles)) == ["ops@example.org", "anna@box.example"]
    assert rows(listening.handles)[0].sender == "app@box.example"


def test_an_envelope_in_one_piece_gets_its_replies_in_order(listening: Listening) -> None:
    said = listening.said(
        b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<no address>\r\nDATA\r\n",
        MAIL + b".\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.net>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n",
    )
    codes = [line[:3] for line in said if line[3:4] == " "]
    assert codes == ["220", "250", "250", "250", "553", "354", "250", "250", "250", "354", "250", "221"]
    assert len(rows(listening.handles)) == 2


@pytest.mark.parametrize(
    "dot", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r\n\0.\r\n", b"\n\n.\r\r\n"]
)
def test_only_crlf_dot_crlf_ends_a_message(listening: Listening, dot: bytes) -> None:
    """SMTP smuggling (CVE-2023-51764): what hides behind another dot stays content, and can leave as nothing else."""
    hidden = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: y\r\n\r\nz"
    said = listening.said(
        b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
        MAIL + b"end" + dot + hidden + b"\r\n.\r\nQUIT\r\n",
    )
    assert [line[:3] for line in said][-3:] == ["354", "250", "221"]
    assert list(recipients(listening.handles)) == ["b@example.net"]
    [raw] = listening.raws()
    assert b"MAIL FROM:<evil@example.org>" in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"Subject: a\rBcc: x@example.org\r\n", "CR"),
        (b"Subject: a\0b\r\n", "NUL"),
        (b"no field\r\nBcc: x@example.org\r\n", "Bcc"),
        (b"Received: x\r\n" * 51, "circles"),
        (b"X-Postroom-Lane: express\r\n", "lane"),
        (b"X-Postroom-Mailbox: nope\r\n", "mailbox"),
        (b"X-Postroom-Expires: soon\r\n", "X-Postroom-Expires"),
        (b"X-Postroom-Key: a\r\nX-Postroom-Key: b\r\n", "more than once"),
    ],
)
def test_what_cannot_be_taken_is_refused_for_good_in_words(listening: Listening, header: bytes, said: str) -> None:
    begun = b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    mail = b"From: a@example.org\r\n" + header + b"\r\nbody\r\n.\r\n"
    answer = listening.said(begun, mail)[-1]
    assert answer.startswith("550 5.6.0")
    assert said in answer
    assert rows(listening.handles) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"MAIL FROM:<a b@example.org>", 553),
        (b"MAIL FROM:<@relay:a@example.org>", 553),
        (b"MAIL FROM:<root>", 250),
        (b"MAIL FROM:<a@example.org> SIZE=99999999999", 552),
        (b"MAIL FROM:<a@example.org> RET=FULL", 555),
        (b"MAIL FROM:<a@example.org> AUTH=<>", 250),
        (b"MAIL FROM: a@example.org", 250),
        (b"RCPT TO:<b@example.net>", 503),
        (b"BDAT 10 LAST", 500),
        (b"STARTTLS", 454),
        (b"AUTH PLAIN AGEAYg==", 502),
        (b"POST / HTTP/1.1", 421),
    ],
)
def test_a_command_is_answered_as_the_standard_has_it(listening: Listening, line: bytes, code: int) -> None:
    assert listening.said(b"EHLO x\r\n" + line + b"\r\n")[-1].startswith(str(code))


def test_orders_of_the_program_are_carried_out_and_never_leave(listening: Listening) -> None:
    add_mailbox(listening.handles, "main", type("Nowhere", (), {"host": "127.0.0.1", "port": 9}))
    orders = (
        b"X-Postroom-Lane: Urgent\r\nX-Postroom-Mailbox: main\r\nX-Postroom-Key: k1\r\n"
        b"X-Postroom-Expires: 10m\r\nX-Postroom-At: 2030-01-31T08:00Z\r\nX-Postroom-Notify: never\r\n"
    )
    with listening.client() as client:
        client.sendmail("a@example.org", "b@example.net", orders + MAIL)
        client.sendmail("a@example.org", "b@example.net", orders + MAIL)
    [row] = rows(listening.handles)
    assert (row.lane, row.key, row.notify, row.mailbox_id is None) == ("urgent", "k1", False, False)
    assert row.next_attempt_at.isoformat() == "2030-01-31T08:00:00+00:00"
    assert row.expires_at == row.next_attempt_at + timedelta(minutes=10), "counted from when it may leave"
    assert stripped(listening.raws()[0]) == MAIL


def test_orders_in_a_message_from_elsewhere_are_a_strangers_words(listening: Listening) -> None:
    stranger = b"Received: from far by near; x\r\nX-Postroom-Lane: urgent\r\nX-Postroom-Key: k\r\n" + MAIL
    with listening.client() as client:
        client.sendmail("a@example.org", "b@example.net", stranger)
    [row] = rows(listening.handles)
    assert (row.lane, row.key) == ("normal", None)
    assert b"X-Postroom" not in listening.raws()[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreFull("The disk is full."), 452), (StoreBusy("The database is away."), 451), (RuntimeError("a fault"), 451)],
)
def test_a_database_that_does_not_take_it_is_told_as_passing(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    with listening.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(listener_desk, "enqueue", refuse)
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("a@example.org", "b@example.net", MAIL)
        assert refused.value.smtp_code == code
        assert rows(listening.handles) == []
        client.sendmail("a@example.org", "b@example.net", MAIL)
    assert len(rows(listening.handles)) == 1


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(listening: Listening) -> None:
    begun = b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    assert listening.said(begun + MAIL)[-1].startswith("354")
    assert listening.said(begun + MAIL + b".")[-1].startswith("354")
    assert rows(listening.handles) == []


def test_a_login_is_asked_for_and_its_password_lies_in_the_vault(house: Handles, anna: Actor) -> None:
    with at_work(house, anna, username="shop", password=Secret("canary-7f3")) as listening:
        with listening.client() as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.sendmail("a@example.org", "b@example.net", MAIL)
            assert refused.value.smtp_code == 530
            for name, password in (("shop", "wrong"), ("other", "canary-7f3"), ("shop", "")):
                with pytest.raises((smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected)):
                    client.login(name, password)
        for mechanism in ("PLAIN", "LOGIN"):
            with listening.client() as client:
                client.ehlo()
                client.user, client.password = "shop", "canary-7f3"
                assert client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))[0] == 235
                client.sendmail("a@example.org", "b@example.net", MAIL)
        settings.change(house, anna, {"listener.password": Secret("another")})
        with listening.client() as client:
            client.login("shop", "another")
    assert [row.submitted_by for row in rows(house)] == ["shop (smtp)"] * 2
    assert all(b"ESMTPA" in raw for raw in listening.raws())
