"""`sendmail -bs`: SMTP on stdin, as programs speak it that run sendmail as their server."""

import smtplib
import socket
import subprocess
from pathlib import Path

import pytest

from core.handin import Dropped, read_dropped
from core.local_names import read_local_names
from tests.cli.conftest import ROOT, Shell
from tests.waiting import PATIENCE

MAIL = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nHello.\r\n"
BEGIN = b"EHLO x\r\nMAIL FROM:<a@example.org> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"


def dropped(home: Path) -> list[Dropped]:
    return [read_dropped(path.read_bytes()) for path in sorted((home / "drop").glob("*.mail"))]


def codes(postroom: Shell, stdin: bytes) -> list[str]:
    """The last line's code of each reply."""
    return [line[:3] for line in postroom.ok("send", "-bs", stdin=stdin).out.splitlines() if line[3:4] == " "]


def test_a_client_of_the_standard_library_sends_through_it(postroom: Shell) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            postroom.command("send", "-bs", "-oi"), cwd=ROOT, env=postroom.variables, stdin=theirs, stdout=theirs
        )
        theirs.close()
        client = smtplib.SMTP(local_hostname="app.example")
        client.sock, client.timeout = ours, 30
        assert client.getreply()[0] == 220
        client.sendmail("a@example.org", ["b@example.net", "c@example.net"], MAIL + b".dot\r\n..two\r\n")
        client.sendmail("", ["b@example.net"], MAIL)
        client.quit()
        assert process.wait(PATIENCE) == 0
    first, second = dropped(postroom.home)
    assert first.raw == MAIL + b".dot\r\n..two\r\n"
    assert first.envelope.recipients == ("b@example.net", "c@example.net")
    assert (first.envelope.sender, second.envelope.sender) == ("a@example.org", "")


def test_all_at_once_is_answered_in_order(postroom: Shell) -> None:
    stdin = BEGIN + MAIL + b".\r\nNOOP\r\nRSET\r\nFOO\r\nRCPT TO:<x@y.example>\r\nDATA\r\nQUIT\r\nNOOP\r\n"
    expected = ["220", "250", "250", "250", "354", "250", "250", "250", "502", "503", "503", "221"]
    assert codes(postroom, stdin) == expected
    assert len(dropped(postroom.home)) == 1


def test_a_script_that_ends_lines_with_lf_is_understood(postroom: Shell) -> None:
    stdin = (BEGIN + MAIL).replace(b"\r\n", b"\n") + b".\nQUIT\n"
    assert codes(postroom, stdin)[-2:] == ["250", "221"]
    assert dropped(postroom.home)[0].raw == MAIL


@pytest.mark.parametrize("dot", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"])
def test_to_who_speaks_crlf_another_dot_is_content(postroom: Shell, dot: bytes) -> None:
    hidden = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nz"
    assert codes(postroom, BEGIN + MAIL + b"end" + dot + hidden + b"\r\n.\r\nQUIT\r\n")[-3:] == ["354", "250", "221"]
    [message] = dropped(postroom.home)
    assert message.envelope.recipients == ("b@example.net",)
    assert b"victim" in message.raw


def test_what_cannot_be_taken_is_refused_and_the_dialogue_goes_on(postroom: Shell) -> None:
    stdin = (
        b"MAIL FROM:<a b@example.org>\r\nMAIL FROM:<a@example.org> RET=FULL\r\nMAIL TO:<x>\r\n"
        b"MAIL FROM:<a@example.org> SIZE=99999999999\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example)c@d.example>\r\n"
        b"RCPT TO:<>\r\nRCPT TO:<nobody-here>\r\nDATA\r\nSubject: a\0b\r\n\r\n.\r\nQUIT\r\n"
    )
    expected = ["220", "553", "555", "501", "552", "250", "553", "501", "250", "354", "550", "221"]
    assert codes(postroom, stdin) == expected
    assert dropped(postroom.home) == []


def test_a_name_is_a_user_of_this_machine(postroom: Shell) -> None:
    codes(postroom, BEGIN.replace(b"b@example.net", b"nobody-here") + MAIL + b".\r\n")
    assert dropped(postroom.home)[0].envelope.recipients == (f"nobody-here@{read_local_names().domain}",)


def test_an_end_in_the_middle_takes_nothing(postroom: Shell) -> None:
    ended = postroom("send", "-bs", stdin=BEGIN + MAIL)
    assert ended.code == 65
    assert "before its last dot" in ended.err
    assert dropped(postroom.home) == []


def test_what_cannot_be_stored_is_to_be_tried_again(postroom: Shell) -> None:
    postroom.home.write_text("a file where the home should be")
    assert codes(postroom, BEGIN + MAIL + b".\r\nQUIT\r\n")[-2:] == ["452", "221"]
