"""A message is handed in durably: fast, without a database, whoever comes at once, and never half."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import handin
from core.environment import Environment, read_environment
from core.errors import BadInput, CannotWrite, StoreFull, UnsafeMessage
from core.failpoints import FailpointReached
from core.handin import OutgoingEnvelope, hand_in, read_dropped
from core.mail.envelope import recipients_in
from tests.waiting import PATIENCE

MAIL = b"From: a@example.org\nTo: b@example.net\nSubject: x\n\nHello.\n"
TO = OutgoingEnvelope(("b@example.net",))


@pytest.fixture
def environment(tmp_path) -> Environment:
    return read_environment({}, home=str(tmp_path / "not" / "there" / "yet"))


def files(environment) -> list[Path]:
    return sorted(environment.drop.iterdir())


def test_it_lies_complete_in_the_drop_folder_of_a_home_that_was_not_there(environment):
    envelope = OutgoingEnvelope(
        ("b@example.net", "b@example.net"),
        sender="a@example.org",
        mailbox="main",
        lane="urgent",
        key="k",
        not_before=datetime(2027, 1, 31, 8, tzinfo=UTC),
        notify=False,
    )
    message_id = hand_in(environment, envelope, MAIL)

    [file] = files(environment)
    dropped = read_dropped(file.read_bytes())
    assert dropped.raw == MAIL
    assert dropped.message_id == message_id
    assert dropped.envelope == OutgoingEnvelope(
        ("b@example.net",), "a@example.org", "main", "urgent", "k", datetime(2027, 1, 31, 8, tzinfo=UTC), None, False
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(environment.home.stat().st_mode) == 0o700


def test_what_is_too_large_for_the_worker_is_not_accepted(environment, monkeypatch):
    monkeypatch.setattr("core.mail.envelope.LARGEST", len(MAIL))
    hand_in(environment, TO, MAIL)
    with pytest.raises(BadInput, match="over 0 MiB and was not taken"):
        hand_in(environment, TO, MAIL + b"x")
    assert len(files(environment)) == 1


def test_the_message_id_it_carries_is_kept_and_else_one_is_made(environment):
    assert hand_in(environment, TO, b"Message-ID: <mine@example.org>\n" + MAIL) == "<mine@example.org>"
    made = [hand_in(environment, TO, MAIL, host="host.example") for _ in range(2)]
    assert made[0] != made[1]
    assert all(each.endswith("@host.example>") for each in made)


def test_the_same_key_makes_the_same_message_id(environment):
    keyed = OutgoingEnvelope(("b@example.net",), key="invoice 7")
    assert hand_in(environment, keyed, MAIL) == hand_in(environment, keyed, MAIL)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"recipients": ()}, "recipient"),
        ({"recipients": ("b@example.net\r\nRCPT TO:<x@example.org>",)}, "recipient"),
        ({"recipients": ("not an address",)}, "recipient"),
        ({"sender": "a@example.org\x00"}, "sender"),
        ({"lane": "express"}, "lane"),
        ({"key": "a\nb"}, "key"),
        ({"mailbox": "x" * 300}, "mailbox"),
        ({"expires_at": datetime(2027, 1, 1)}, "expires_at"),  # noqa: DTZ001
    ],
)
def test_a_bad_envelope_is_refused_by_field_and_nothing_is_written(environment, changed, field):
    with pytest.raises(BadInput) as refused:
        hand_in(environment, OutgoingEnvelope(**{"recipients": ("b@example.net",), **changed}), MAIL)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert not environment.drop.exists()


def test_all_problems_are_told_at_once(environment):
    with pytest.raises(BadInput) as refused:
        hand_in(environment, OutgoingEnvelope(("x", "y"), sender="z", lane="no"), MAIL)
    assert len(refused.value.problems) == 4


@pytest.mark.parametrize(
    "header", [b"Subject: a\rBcc: x@example.org\n", b"Subject: a\x00b\n", b"A: b\r\nSubject: a\rb\r\n"]
)
def test_a_header_with_nul_or_a_lone_cr_is_refused(environment, header):
    with pytest.raises(UnsafeMessage):
        hand_in(environment, TO, header + b"\nbody")


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"no header at all", b"Subject: x\r\n\r\nbody \x00 \r here\r\n", b"A: b\r\r\n\r\r\nx"]
)
def test_what_is_odd_but_harmless_is_taken(environment, raw):
    hand_in(environment, TO, raw)
    assert read_dropped(files(environment)[0].read_bytes()).raw == raw


def test_twenty_processes_at_once_on_a_home_that_does_not_exist(environment):
    program = (
        "import sys\nfrom core.environment import read_environment\nfrom core.handin import hand_in, OutgoingEnvelope\n"
        "print(hand_in(read_environment({}, home=sys.argv[1]), OutgoingEnvelope(('b@example.net',)), sys.stdin.buffer.read()))"
    )
    command = [sys.executable, "-c", program, str(environment.home)]
    together = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(20)
    ]
    for process in together:
        assert process.stdin is not None
        process.stdin.write(MAIL)
        process.stdin.close()
        process.stdin = None
    outcomes = [process.communicate(timeout=PATIENCE) for process in together]
    assert [error for _, error in outcomes] == [b""] * 20
    promised = {output.decode().strip() for output, _ in outcomes}
    assert {read_dropped(file.read_bytes()).message_id for file in files(environment)} == promised
    assert len(promised) == 20


def test_it_imports_no_framework():
    program = (
        "import sys, core.handin\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'alembic', 'pydantic', 'textual', 'rich', 'typer', 'email', 'cryptography'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_crash_before_the_rename_leaves_nothing_that_would_be_sent(environment, monkeypatch):
    def die(place: str) -> None:
        raise FailpointReached(place)

    monkeypatch.setattr(handin, "fp", die)
    with pytest.raises(FailpointReached):
        hand_in(environment, TO, MAIL)
    assert files(environment) == []


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(environment, monkeypatch):
    order = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_rename(self, target):
        order.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    hand_in(environment, TO, MAIL)
    assert order == ["file", "rename", "folder"]


def test_a_full_disk_is_told_and_leaves_nothing(environment, monkeypatch):
    def full(descriptor, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handin, "_write_all", full)
    with pytest.raises(StoreFull):
        hand_in(environment, TO, MAIL)
    assert files(environment) == []


def test_a_home_that_cannot_be_made_is_told_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="drop"):
        hand_in(read_environment({}, home=str(tmp_path / "file" / "home")), TO, MAIL)


def test_the_drop_folder_of_root_can_be_written_but_not_read_by_others(environment):
    hand_in(environment, TO, MAIL)
    mode = stat.S_IMODE(environment.drop.stat().st_mode)
    assert mode == (0o1733 if os.geteuid() == 0 else 0o700)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\nx",
        b"null\nx",
        b"not json\nx",
        b"[" * 100_000 + b"\nx",
        b"\xff\xfe\n",
        json.dumps({"version": 1, "size": 10}).encode() + b"\nshort",
    ],
)
def test_what_is_no_complete_file_is_refused(content):
    with pytest.raises(BadInput):
        read_dropped(content)


def dropped_with(environment, **changed) -> bytes:
    hand_in(environment, TO, MAIL)
    line, _, raw = files(environment)[0].read_bytes().partition(b"\n")
    return json.dumps({**json.loads(line), **changed}).encode() + b"\n" + raw


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"size": 1},
        {"recipients": "b@example.net"},
        {"recipients": [1]},
        {"recipients": []},
        {"recipients": ["b@example.net\r\nDATA"]},
        {"sender": 7},
        {"lane": None},
        {"lane": ["urgent"]},
        {"key": "\x00"},
        {"message_id": ""},
        {"message_id": "<a@b>\r\nBcc: <x@y>"},
        {"message_id": {"a": 1}},
        {"handed_in_at": None},
        {"expires_at": "soon"},
        {"not_before": 7},
    ],
    ids=lambda changed: json.dumps(changed),
)
def test_a_forged_file_is_refused(environment, changed):
    content = dropped_with(environment, **changed)
    with pytest.raises(BadInput):
        read_dropped(content)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"To: a@x.org\nCc: B <b@x.org>, a@x.org\nBcc: c@x.org\n", ("a@x.org", "b@x.org", "c@x.org")),
        (b"To: a@x.org\nResent-To: r@x.org\n", ("r@x.org",)),
        (b"Subject: x\n", ()),
        (b"To: undisclosed-recipients:;\nBcc: G: a@x.org, b@x.org;\n", ("a@x.org", "b@x.org")),
        # What is no address is not left out in silence: it is known by name on this machine, or refused.
        (b"To: A <a@x.org>, root, broken@\n", ("a@x.org", "root", "broken@")),
        (b"To: a@x.org, Joe <joe@>\n", ("a@x.org", "Joe <joe@>")),
        (b"To: a@x.org b@x.org\n", ("a@x.org b@x.org",)),
        (b'To: "Doe, J" <a@x.org>,, (b, c) d@x.org,\n', ("a@x.org", "d@x.org")),
    ],
)
def test_recipients_of_the_header(header, expected):
    assert recipients_in(header + b"\nbody") == expected


def test_a_head_of_any_length_is_not_read(monkeypatch):
    # Whoever may write into the drop folder could have the worker read 300 MB of brackets as JSON: ten gigabytes.
    monkeypatch.setattr("core.handin._LONGEST_HEAD", 1000)
    monkeypatch.setattr("core.handin.json.loads", lambda _: pytest.fail("it was read"))
    with pytest.raises(BadInput, match="more recipients than fit"):
        read_dropped(b"[" * 1001 + b"\n")
