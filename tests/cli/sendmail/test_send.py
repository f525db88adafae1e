"""`postroom send`, as scripts call it."""

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from core.handin import Dropped, read_dropped
from core.local_names import read_local_names
from tests.cli import forked
from tests.cli.conftest import ROOT, Shell
from tests.waiting import PATIENCE

MAIL = b"Subject: Printer\nFrom: anna@example.org\nTo: help@example.org\n\nIt burns.\n"


def dropped(postroom: Shell) -> list[Dropped]:
    return [read_dropped(path.read_bytes()) for path in sorted((postroom.home / "drop").glob("*.mail"))]


def test_a_message_is_in_the_drop_folder_when_its_id_is_printed(postroom: Shell) -> None:
    sent = postroom.ok("send", "help@example.org", stdin=MAIL)
    (message,) = dropped(postroom)
    assert sent.out.strip() == message.message_id
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", message.message_id)
    assert message.envelope.recipients == ("help@example.org",)
    assert message.envelope.sender is None
    assert message.raw == MAIL.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("words", "recipients"),
    [
        (["-t"], ("a@example.org", "b@example.org", "c@example.org", "d@example.org")),
        (
            ["-t", "z@example.org"],
            ("z@example.org", "a@example.org", "b@example.org", "c@example.org", "d@example.org"),
        ),
        (["-ti"], ("a@example.org", "b@example.org", "c@example.org", "d@example.org")),
        (["z@example.org", "z@example.org"], ("z@example.org",)),
        (["--", "z@example.org"], ("z@example.org",)),
        (["x@example.org,y@example.org"], ("x@example.org", "y@example.org")),
        (["X Y <x@example.org> , y@example.org (Y Z)"], ("x@example.org", "y@example.org")),
    ],
)
def test_recipients_come_from_the_line_and_with_t_from_the_header(
    postroom: Shell, words: list[str], recipients: tuple[str, ...]
) -> None:
    mail = b'To: "A, the first" <a@example.org>, b@example.org\nCc: c@example.org\nBcc: d@example.org\n\nhi\n'
    postroom.ok("send", *words, stdin=mail)
    (message,) = dropped(postroom)
    assert message.envelope.recipients == recipients
    assert b"bcc" not in message.raw.lower()
    assert b"d@example.org" not in message.raw


def test_with_t_a_list_beyond_any_header_bound_is_whole(postroom: Shell) -> None:
    # 1,500 addresses with names are over 60 kB in one field; a reader that stops at 16 kB would lose most of them.
    names = [f'"Person, {number}" <p{number}@example.org>' for number in range(1500)]
    postroom.ok("send", "-t", stdin=b"To: " + ",\n ".join(names).encode() + b"\n\nhi\n")
    (message,) = dropped(postroom)
    assert message.envelope.recipients == tuple(f"p{number}@example.org" for number in range(1500))


def test_resent_fields_name_the_recipients_of_what_is_sent_on(postroom: Shell) -> None:
    mail = b"Resent-To: new@example.org\nTo: old@example.org\n\nhi\n"
    postroom.ok("send", "-t", stdin=mail)
    assert dropped(postroom)[0].envelope.recipients == ("new@example.org",)


@pytest.mark.parametrize(
    ("words", "sender"),
    [
        (["-f", "boss@example.org"], "boss@example.org"),
        (["-fboss@example.org"], "boss@example.org"),
        (["-r", "boss@example.org"], "boss@example.org"),
        (["-f", "<boss@example.org>"], "boss@example.org"),
        (["-f", "Boss <boss@example.org>"], "boss@example.org"),
        (["-f", ""], ""),
        (["-f", "<>"], ""),
        ([], None),
    ],
)
def test_the_envelope_sender(postroom: Shell, words: list[str], sender: str | None) -> None:
    postroom.ok("send", *words, "help@example.org", stdin=MAIL)
    assert dropped(postroom)[0].envelope.sender == sender


def test_flags_that_scripts_give_out_of_habit_are_taken(postroom: Shell) -> None:
    words = ["-i", "-oi", "-oem", "-odb", "-bm", "-v", "-m", "-G", "-U", "-em", "-N", "never", "-V", "id", "-B8BITMIME"]
    postroom.ok("send", *words, "help@example.org", stdin=MAIL)
    assert dropped(postroom)[0].envelope.notify is False


@pytest.mark.parametrize("given", ["-t", "--drop=/nowhere", "-fx@example.org", "--help", "-oQ/tmp", "--lane=bulk"])
def test_what_stands_behind_two_dashes_is_a_recipient_and_no_flag(postroom: Shell, given: str) -> None:
    """Programs put an address there that a stranger has typed."""
    done = postroom("send", "-i", "--", given, "help@example.org", stdin=MAIL)
    if given == "-fx@example.org":
        assert done.code == 0
        assert dropped(postroom)[0].envelope.recipients == (given, "help@example.org")
    else:
        assert (done.code, done.err) == (
            65,
            f"postroom: recipient: The address {given!r} is not of the form name@domain.\n",
        )


@pytest.mark.parametrize(
    ("words", "header"),
    [
        (["-F", "Anna B", "-f", "a@example.org"], b'From: "Anna B" <a@example.org>\r\n'),
        (["-f", "a@example.org"], b"From: a@example.org\r\n"),
        (["-F", "J\u00f6rg", "-f", "a@example.org"], b"From: =?utf-8?B?SsO2cmc=?=\r\n <a@example.org>\r\n"),
        ([], b""),
    ],
)
def test_a_missing_from_is_made_of_what_is_known(postroom: Shell, words: list[str], header: bytes) -> None:
    # With nothing known the mailbox's default sender fills it in later.
    postroom.ok("send", *words, "help@example.org", stdin=b"Subject: x\n\nhi\n")
    assert dropped(postroom)[0].raw == b"Subject: x\r\n" + header + b"\r\nhi\r\n"


def test_addresses_beyond_ascii_are_taken(postroom: Shell) -> None:
    postroom.ok("send", "-f", "j\u00f6rg@example.org", "j\u00fcrg@example.net", stdin=b"Subject: x\n\nhi\n")
    [found] = dropped(postroom)
    assert (found.envelope.sender, found.envelope.recipients) == ("j\u00f6rg@example.org", ("j\u00fcrg@example.net",))
    assert "From: j\u00f6rg@example.org\r\n".encode() in found.raw


def test_a_from_that_is_there_stays(postroom: Shell) -> None:
    postroom.ok("send", "-F", "Somebody Else", "-f", "x@example.org", "help@example.org", stdin=MAIL)
    assert b"From: anna@example.org\r\n" in dropped(postroom)[0].raw


@pytest.mark.parametrize(
    ("words", "body"), [([], b"one\r\n"), (["-i"], b"one\r\n.\r\ntwo\r\n"), (["-oi"], b"one\r\n.\r\ntwo\r\n")]
)
def test_a_lone_dot_ends_the_message_unless_it_is_ignored(postroom: Shell, words: list[str], body: bytes) -> None:
    postroom.ok("send", *words, "help@example.org", stdin=b"Subject: x\n\none\n.\ntwo\n")
    assert dropped(postroom)[0].raw == b"Subject: x\r\n\r\n" + body


def test_a_text_without_header_is_a_body(postroom: Shell) -> None:
    postroom.ok("send", "help@example.org", stdin=b"hello there\n")
    assert dropped(postroom)[0].raw == b"\r\nhello there\r\n"


def test_what_was_handed_in_is_given_back(postroom: Shell) -> None:
    postroom.ok("send", "help@example.org", stdin=b"Subject: x\n\n  h \n")
    assert postroom.ok("raw", "--outbox", "1").out == "Subject: x\r\n\r\n  h \r\n"
    assert postroom("raw", "--outbox", "2").code == 67


def test_our_own_options_stand_in_the_envelope(postroom: Shell) -> None:
    words = [
        "--mailbox",
        "main",
        "--lane",
        "urgent",
        "--expires",
        "10m",
        "--at",
        "2030-01-31T08:00+00:00",
        "--key",
        "k1",
    ]
    postroom.ok("send", *words, "help@example.org", stdin=MAIL)
    envelope = dropped(postroom)[0].envelope
    assert (envelope.mailbox, envelope.lane, envelope.key) == ("main", "urgent", "k1")
    assert envelope.not_before is not None
    assert envelope.not_before.isoformat() == "2030-01-31T08:00:00+00:00"
    assert envelope.expires_at == envelope.not_before + timedelta(minutes=10), "counted from when it may leave"


def test_json_holds_the_message_id(postroom: Shell) -> None:
    (row,) = postroom.ok("send", "--json", "help@example.org", stdin=MAIL).rows
    assert row == {"message_id": dropped(postroom)[0].message_id}


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        ([], MAIL, 65, "There is no recipient"),
        (["-t"], b"Subject: x\n\nhi\n", 65, "names no recipient"),
        (["help@example.org"], b"", 65, "stdin was empty"),
        (["no address"], MAIL, 65, "no address"),
        (["a@example.org\nRCPT TO:<b@example.org>"], MAIL, 65, "line break"),
        (["-f", "a@b@c", "help@example.org"], MAIL, 65, "-f: The part before the @ of 'a@b@c'"),
        (["-f", "a@b.c <d@e.f> <g@h.i>", "help@example.org"], MAIL, 65, "-f: "),
        (["-F", "A\nBcc: x@example.org", "help@example.org"], MAIL, 65, "-F: the name holds a line break"),
        (["-t"], b"To: help@example.org, broken@\n\nhi\n", 65, "'broken@'"),
        (["-t"], b"To: help@example.org\nCc: Joe <joe@>\n\nhi\n", 65, "'Joe <joe@>'"),
        (["help@example.org, a b"], MAIL, 65, "'a b'"),
        (["help@example.org, root bob@example.net"], MAIL, 65, "'root bob@example.net'"),
        (["help@example.org"], b"Subject: x\0y\n\nhi\n", 65, "NUL"),
        (["help@example.org"], b"Subject: x\rBcc: y@example.org\n\nhi\n", 65, "CR"),
        (["alice@example.org)bob@example.com"], MAIL, 65, "alice@example.org)bob@example.com"),
        (["--lane", "fast", "help@example.org"], MAIL, 65, "lane"),
        (["--expires", "soon", "help@example.org"], MAIL, 65, "--expires"),
        (["--nonsense", "help@example.org"], MAIL, 64, "--nonsense"),
        (["-f"], MAIL, 64, "-f"),
        (["-bd"], MAIL, 64, "--worker"),
        (["-q"], MAIL, 64, "postroom deliver"),
        (["-q30m"], MAIL, 64, "postroom deliver"),
        (["-bp"], MAIL, 64, "postroom list outbox"),
        (["-bx", "help@example.org"], MAIL, 64, "-bx"),
        (["-I"], MAIL, 64, "aliases"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(
    postroom: Shell, words: list[str], stdin: bytes, code: int, said: str
) -> None:
    ended = postroom("send", *words, stdin=stdin)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not list(postroom.home.glob("drop/*.mail"))


def test_what_cannot_be_stored_is_to_be_tried_again(postroom: Shell) -> None:
    postroom.home.write_text("a file where the home should be")
    ended = postroom("send", "help@example.org", stdin=MAIL)
    assert (ended.code, ended.out) == (75, "")
    assert str(postroom.home) in ended.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_taken_is_no_failure_though_its_message_id_cannot_be_told(postroom: Shell, unbuffered: str) -> None:
    postroom.variables["PYTHONUNBUFFERED"] = unbuffered
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            postroom.command("send", "help@example.org"),
            input=MAIL,
            cwd=ROOT,
            env=postroom.variables,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
        )
    assert done.returncode == 0
    assert b"The message was taken" in done.stderr
    assert len(list((postroom.home / "drop").iterdir())) == 1


def test_a_disk_that_fills_is_told_and_leaves_nothing_half_written(postroom: Shell) -> None:
    """As a full disk does it: the file may grow to 100 kB, the message is larger."""
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    program = limited + "from tui.cli.__main__ import main; sys.exit(main(['send', 'help@example.org']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=MAIL + b"x" * 200_000,
        cwd=ROOT,
        env=postroom.variables,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (75, b"")
    assert b"not taken" in done.stderr
    assert list((postroom.home / "drop").iterdir()) == []


@pytest.mark.parametrize(
    ("called_by", "words", "stdin", "recipients", "sender"),
    [
        ("PHP mail()", ["-t", "-i"], MAIL, ("help@example.org",), None),
        ("PHP mail() with -f", ["-t", "-i", "-fweb@example.org"], MAIL, ("help@example.org",), "web@example.org"),
        (
            "cron",
            ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "anna@example.org"],
            b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@x> ls\nAuto-Submitted: auto-generated\n\nout\n",
            ("anna@example.org",),
            None,
        ),
        (
            "mutt",
            ["-oem", "-oi", "-N", "failure,delay", "-R", "hdrs", "-f", "me@example.org", "--", "x@example.org"],
            MAIL,
            ("x@example.org",),
            "me@example.org",
        ),
        ("git send-email", ["-i", "x@example.org", "y@example.org"], MAIL, ("x@example.org", "y@example.org"), None),
        ("mailx", ["-i", "-t"], MAIL, ("help@example.org",), None),
        ("Rails", ["-i", "-f", "<app@example.org>", "--", "x@example.org"], MAIL, ("x@example.org",), "app@example.org"),
        ("fail2ban", ["-t", "-f", "fail2ban@example.org"], MAIL, ("help@example.org",), "fail2ban@example.org"),
        (
            "a thorough one",
            ["-Am", "-G", "-Lx", "-O", "DeliveryMode=b", "-odi", "-oQ/tmp", "-h", "3", "-X/dev/null", "-C/etc/x",
             "-V", "id", "-n", "-U", "-tif", "me@example.org"],
            MAIL,
            ("help@example.org",),
            "me@example.org",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_programs_call_it_as_they_call_sendmail(
    postroom: Shell,
    called_by: str,
    words: list[str],
    stdin: bytes,
    recipients: tuple[str, ...],
    sender: str | None,
) -> None:
    postroom.ok("send", *words, stdin=stdin)
    (message,) = dropped(postroom)
    assert (message.envelope.recipients, message.envelope.sender) == (recipients, sender)


def test_a_name_without_domain_is_a_user_of_this_machine(postroom: Shell) -> None:
    domain = read_local_names().domain
    cron = b"From: nobody-here (Cron Daemon)\nTo: nobody-here\nSubject: Cron\n\nout\n"
    postroom.ok("send", "-f", "www-data", "nobody-here", stdin=cron)
    (message,) = dropped(postroom)
    assert message.envelope.recipients == (f"nobody-here@{domain}",)
    assert message.envelope.sender == f"www-data@{domain}"
    assert f"From: nobody-here@{domain} (Cron Daemon)\r\n".encode() in message.raw


def test_twenty_at_once_on_a_home_that_is_not_there(postroom: Shell, tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.write_bytes(MAIL)
    with ExitStack() as open_files:
        processes = [
            postroom.start("send", f"r{number}@example.org", stdin=open_files.enter_context(mail.open("rb")))
            for number in range(20)
        ]
        ended = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0] * 20, ended
    listed = postroom.ok("list", "outbox", "--json").rows
    assert {row["message_id"] for row in listed} == {out.decode().strip() for out, _ in ended}
    assert {row["recipients"][0]["address"] for row in listed} == {f"r{number}@example.org" for number in range(20)}
    assert not list(postroom.home.glob("drop/*.mail"))


def test_first_uses_at_once_find_one_key_and_one_set_of_templates(postroom: Shell) -> None:
    together = [forked.Started(["list", "template", "--json"], postroom.variables) for _ in range(8)]
    ended = [one.ended(PATIENCE) for one in together]
    assert [code for code, _, _ in ended] == [0] * 8, ended
    assert {len(out.splitlines()) for _, out, _ in ended} == {5}
    assert len([json.loads(line) for line in postroom.ok("list", "queue", "--json").out.splitlines()]) == 3


def test_the_name_sendmail_is_send(postroom: Shell, tmp_path: Path) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom tui.cli.__main__ import main\nsys.exit(main())\n")
    program.chmod(0o755)
    variables = {**postroom.variables, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([program, "-t", "-oi"], input=MAIL, env=variables, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    assert dropped(postroom)[0].envelope.recipients == ("help@example.org",)
