"""What `show` prints for a person: fields with times and sizes in words, tables of what hangs on it, and the text."""

import re
from textwrap import dedent

import pytest

from tests.cli.conftest import Shell

LETTER = dedent(
    """\
    From: Eva <eva@example.com>
    To: support@example.org
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
    Message-ID: <letter@example.com>
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary=b

    --b
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    Sch=C3=B6ne Gr=C3=BC=C3=9Fe =1B]0;title=07

    vom See
    --b
    Content-Disposition: attachment; filename="plan.pdf"
    Content-Type: application/pdf

    %PDF-1.4
    --b--
    """
).encode()

TEXT = ["  Schöne Grüße �]0;title�", "", "  vom See"]


@pytest.fixture
def taken_in(postroom: Shell) -> Shell:
    """A Postroom with one record, made of a message."""
    postroom.ok("add", "account", "work", "type=IMAPS", "host=imap.example.org", "username=me", stdin=b"\n")
    postroom.ok("intake", "-", "--account", "work", stdin=LETTER)
    return postroom


def test_a_record_shows_its_messages_why_it_is_here_and_what_they_say(taken_in: Shell) -> None:
    (row,) = taken_in.ok("list", "record", "--json").rows
    lines = taken_in.ok("show", "record", row["number"]).out.splitlines()
    assert re.fullmatch(r"  ID  RECEIVED \(\S+\) +ACCOUNT  SUBJECT  FROM +STATE", lines[lines.index("messages") + 1])
    trail = lines.index("trail")
    assert lines[trail + 1].split() == ["STAGE", "RULE", "WHY"]
    assert lines[trail + 2].split() == ["trust", "untrusted", "no", "control", "headers"]
    text = lines.index("text of message 1, Eva <eva@example.com>")
    assert lines[text + 1 : text + 4] == TEXT
    assert lines[text + 4 :] == [
        "attachments",
        "  NAME      TYPE             SIZE",
        "  plan.pdf  application/pdf   8 B",
    ]


def test_a_message_tells_its_size_and_times_as_a_person_reads_them(taken_in: Shell) -> None:
    told = taken_in.ok("show", "message", "1").out
    assert re.search(rf"^size +{len(LETTER)} B$", told, re.MULTILINE)
    assert re.search(r"^received_at +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+$", told, re.MULTILINE)
    assert told.splitlines()[-6:-3] == TEXT


def test_an_outgoing_message_shows_what_was_handed_in(postroom: Shell) -> None:
    postroom.ok("send", "you@example.org", stdin=b"Subject: x\n\nIt works.\n")
    assert postroom.ok("show", "outbox", "1").out.splitlines()[-2:] == ["text", "  It works."]


def test_sentences_stand_last_and_are_not_cut_in_a_narrow_terminal(postroom: Shell) -> None:
    postroom.variables["COLUMNS"] = "60"
    postroom.ok("send", "you@example.org", stdin=b"Subject: x\n\nIt works.\n")
    postroom.ok("deliver")
    lines = postroom.ok("show", "outbox", "1").out.splitlines()
    attempt = lines[lines.index("history") + 2]
    assert attempt.endswith("  no mailbox: none is active with a template that can send")


def test_a_filter_shows_its_conditions_and_what_it_sets(postroom: Shell) -> None:
    postroom.ok("add", "filter", "spam", 'match=[{header="X-Spam", regex="yes"}]', 'set={X-OTOBO-Queue="Junk"}')
    told = postroom.ok("show", "filter", "spam").out
    assert told.endswith("match\n  HEADER  REGEX  NEGATE\n  X-Spam  yes    no\nset\n  X-OTOBO-Queue  Junk\n")


@pytest.mark.parametrize("subject", ["2026-11-22T10:00:00Z", "2026-13-45T99:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_subject_that_looks_like_a_time_is_shown_as_it_was_written(taken_in: Shell, subject: str) -> None:
    taken_in.ok("intake", "-", "--account", "work", stdin=f"From: a@example.com\nSubject: {subject}\n\nx\n".encode())
    assert f"subject          {subject}\n" in taken_in.ok("show", "message", "2").out
    assert f"  {subject}  a@example.com  " in taken_in.ok("show", "record", "2").out
