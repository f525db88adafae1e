"""The main job from the command line, on real servers."""

import hashlib
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.protocols.probe import Step
from tests.cli.conftest import Shell
from tests.cli.furnished import add_mailbox, wait_for_worker
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE
from tui.cli.testing import exit_code_of
from tui.demo.ports import free_port

FETCH_KEYS = [
    "event",
    "accounts",
    "failed",
    "fetched",
    "records",
    "follow_ups",
    "bounces",
    "ignored",
    "skipped",
    "quarantined",
    "too_large",
    "acknowledged",
    "seconds",
]
DELIVER_KEYS = ["event", "sent", "deferred", "failed", "expired", "uncertain", "held", "seconds"]

MESSAGE_KEYS = {
    "id",
    "account",
    "folder",
    "uidvalidity",
    "uid",
    "uidl",
    "sha256",
    "size",
    "message_id",
    "subject",
    "header_from",
    "header_to",
    "date",
    "received_at",
    "state",
    "record",
    "acknowledged_at",
}
RECORD_KEYS = {
    "id",
    "number",
    "type",
    "title",
    "queue",
    "state",
    "priority",
    "lock",
    "owner",
    "responsible",
    "customer",
    "account",
    "created_at",
    "updated_at",
}
OUTBOX_KEYS = {
    "id",
    "message_id",
    "state",
    "lane",
    "sender",
    "subject",
    "mailbox",
    "attempts",
    "next_attempt_at",
    "expires_at",
    "recipients",
}
RUN_KEYS = {"id", "account", "worker", "state", "started_at", "ended_at", "bytes", "error"} | set(FETCH_KEYS[3:-1])

NASTY = "\x1b]52;c;ZXZpbA==\x07 [/] [red] \u202egnol"


def mail(number: int, subject: str = "Printer") -> bytes:
    return (
        f"From: Ada <ada@example.org>\r\nTo: help@example.com\r\nSubject: {subject} {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n\r\nIt burns.\r\n"
    ).encode()


AddAccount = Callable[..., str]


@pytest.fixture
def add_account(postroom: Shell, dovecot: DovecotServer, certificates: Certificates) -> AddAccount:
    """Adds an account on the real server; gives back its user."""

    def add(name: str, *words: str, password: str = "secret") -> str:
        user = dovecot.fresh_user()
        given = ["type=IMAPS", f"host={dovecot.host}", f"port={dovecot.ports.imaps}", f"username={user}"]
        chosen = {word.partition("=")[0]: word for word in [*given, f"tls_ca={certificates.good.authority}", *words]}
        postroom.ok("add", "account", name, *chosen.values(), "--password-stdin", stdin=password.encode() + b"\n")
        return user

    return add


def test_mail_becomes_records_and_keeps_its_bytes(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount
) -> None:
    user = add_account("work")
    dovecot.deliver(user, [mail(number) for number in range(3)])
    fetched = postroom.ok("fetch", "--json")
    assert fetched.err.count("Ticket") == 3  # live, a line a message
    (summary,) = fetched.rows
    assert list(summary) == FETCH_KEYS
    assert (summary["accounts"], summary["fetched"], summary["records"], summary["skipped"]) == (1, 3, 3, 0)
    assert postroom.ok("fetch", "--json", "--quiet").rows[0]["fetched"] == 0

    messages = postroom.ok("list", "message", "--json").rows
    assert set(messages[0]) >= MESSAGE_KEYS
    served = {one.uid: one.raw for one in dovecot.mails(user)}
    for message in messages:
        assert hashlib.sha256(served[message["uid"]]).hexdigest() == message["sha256"]
    records = postroom.ok("list", "record", "--json").rows
    assert set(records[0]) >= RECORD_KEYS
    (whole,) = postroom.ok("show", "record", records[0]["number"], "--json").rows
    assert set(whole) >= RECORD_KEYS | {"messages", "fields", "trail"}
    assert set(postroom.ok("list", "run", "--json").rows[0]) >= RUN_KEYS
    words = ("record", "set", records[0]["number"], "state=open", 'priority="5 very high"')
    assert postroom.ok(*words, "--json").rows == [{"event": "changed", "kind": "record", "name": words[2]}]
    assert postroom.ok("show", "record", records[0]["number"], "--json").rows[0]["state"] == "open"
    assert postroom("record", "set", records[0]["number"], "state=nonsense").code == 65


def test_raw_is_the_exact_bytes(postroom: Shell, dovecot: DovecotServer, add_account: AddAccount) -> None:
    user = add_account("work")
    dovecot.deliver(user, [b"Subject: \xe9\xff\r\n\r\nbytes \x80\xfe\r\n"])
    postroom.ok("fetch")
    (message,) = postroom.ok("list", "message", "--json").rows
    process = postroom.start("raw", str(message["id"]))
    out, _ = process.communicate(timeout=PATIENCE)
    assert out == dovecot.mails(user)[0].raw


def test_a_hostile_subject_commands_no_terminal(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount
) -> None:
    dovecot.deliver(add_account("work"), [mail(1, NASTY)])
    shown = [postroom.ok("fetch").err, postroom.ok("list", "record").out, postroom.ok("list", "record", "--json").out]
    (record,) = postroom.ok("list", "record", "--json").rows
    shown += [postroom.ok("show", "record", record["number"]).out, postroom.ok("list", "event").out]
    for text in shown:
        assert not {"\x1b", "\x07", "\u202e"}.intersection(text)
    assert "[/] [red]" in shown[1]


@pytest.mark.parametrize(
    ("words", "password", "code", "said"),
    [
        (["host=127.0.0.1", "port=CLOSED"], "secret", 75, "127.0.0.1"),
        (["host=no-such-host.invalid"], "secret", 75, "no-such-host.invalid"),
        ([], "wrong", 78, ""),
        (["tls_ca="], "secret", 78, "certificate"),
        (["folders=INBOX,Nowhere"], "secret", 78, "Nowhere"),
    ],
)
def test_what_keeps_an_account_from_being_fetched(
    postroom: Shell,
    dovecot: DovecotServer,
    add_account: AddAccount,
    words: list[str],
    password: str,
    code: int,
    said: str,
) -> None:
    add_account("work", *(word.replace("CLOSED", str(free_port())) for word in words), password=password)
    ended = postroom("fetch", "--json")
    assert ended.code == code, ended
    assert ended.rows[0]["failed"] == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert postroom.ok("show", "account", "work", "--json").rows[0]["last_error"]


def test_what_fails_is_said_though_quiet_was_asked_for(postroom: Shell, add_account: AddAccount) -> None:
    add_account("wrong", password="wrong")
    quiet = postroom("fetch", "--quiet")
    assert (quiet.code, quiet.err.count("\n"), "refused the login" in quiet.err) == (78, 1, True)
    rehearsed = postroom("fetch", "--dry-run", "--quiet")
    assert (rehearsed.code, "Check user name and password" in rehearsed.err) == (78, True)
    add_mailbox(postroom, free_port())
    postroom.ok("send", "ada@example.org", stdin=mail(1))
    away = postroom("deliver", "--quiet")
    assert (away.code, away.err.count("\n"), "Mailbox main cannot send: " in away.err) == (75, 1, True)


def test_a_passing_failure_counts_before_a_configuration_one(postroom: Shell, add_account: AddAccount) -> None:
    add_account("wrong", password="wrong")
    add_account("away", f"port={free_port()}")
    assert postroom("fetch").code == 75
    assert postroom("fetch", "wrong").code == 78


def test_a_named_invalid_account_is_refused(postroom: Shell, add_account: AddAccount) -> None:
    add_account("work", "validity=invalid")
    ended = postroom("fetch", "work")
    assert (ended.code, ended.out) == (78, "")
    assert "validity=valid" in ended.err
    assert postroom.ok("fetch", "--json").rows[0]["accounts"] == 0


def test_a_pause_holds_back_and_a_name_overrides_it(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount
) -> None:
    dovecot.deliver(add_account("work"), [mail(1)])
    postroom.ok("pause", "work")
    postroom.ok("--worker", "--once", "--only", "fetch")
    assert postroom.ok("list", "message", "--json").rows == []
    assert postroom.ok("fetch", "work", "--json").rows[0]["fetched"] == 1
    postroom.ok("resume", "work")


def test_a_worker_once_fetches_and_sends(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount, smtp_sink: RuledSink
) -> None:
    dovecot.deliver(add_account("work"), [mail(1)])
    add_mailbox(postroom, smtp_sink.port)
    postroom.ok("send", "ada@example.org", stdin=mail(2))
    postroom.ok("--worker", "--once")
    assert len(postroom.ok("list", "record", "--json").rows) == 1
    assert len(smtp_sink.deliveries) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_in_order_on_a_signal(postroom: Shell, number: signal.Signals) -> None:
    postroom.ok("init")
    process = postroom.start("--worker")
    wait_for_worker(postroom)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complaints
    assert postroom.ok("list", "worker", "--json").rows == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_fetch_that_is_interrupted_ends_in_order(postroom: Shell, number: signal.Signals, code: int) -> None:
    # A server that greets after the signal: the fetch is between connecting and its first batch.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        words = ["type=IMAP", "host=127.0.0.1", f"port={listener.getsockname()[1]}", "username=u", "--password-stdin"]
        postroom.ok("add", "account", "slow", *words, stdin=b"secret\n")
        process = postroom.start("fetch")
        connection, _ = listener.accept()
        with connection:
            process.send_signal(number)
            connection.sendall(b"* BYE later\r\n")
        _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, complaints
    assert b"Traceback" not in complaints
    (run,) = postroom.ok("list", "run", "--json").rows
    assert run["state"] != "running"


def test_what_was_handed_in_is_delivered(postroom: Shell, smtp_sink: RuledSink) -> None:
    add_mailbox(postroom, smtp_sink.port)
    message_id = postroom.ok("send", "ada@example.org", stdin=b"Subject: x\n\nhi\n").out.strip()
    delivered = postroom.ok("deliver", "--json")
    (summary,) = delivered.rows
    assert list(summary) == DELIVER_KEYS
    assert summary["sent"] == 1
    assert message_id in delivered.err
    (taken,) = smtp_sink.deliveries
    assert taken.recipients == ("ada@example.org",)
    assert b"From: us@example.com" in taken.raw
    (row,) = postroom.ok("list", "outbox", "--json").rows
    assert set(row) >= OUTBOX_KEYS
    assert (row["state"], row["mailbox"], row["message_id"]) == ("sent", "main", message_id)
    assert set(row["recipients"][0]) == {"address", "state", "reply_code", "enhanced_code", "text"}
    assert postroom.ok("show", "outbox", str(row["id"]), "--json").rows[0]["history"]


def test_a_relay_that_is_away_is_75_and_a_held_message_waits(postroom: Shell) -> None:
    add_mailbox(postroom, free_port())
    postroom.ok("send", "ada@example.org", stdin=mail(1))
    ended = postroom("deliver", "--json")
    assert (ended.code, ended.rows[0]["deferred"]) == (75, 1)
    (row,) = postroom.ok("list", "outbox", "--json").rows
    assert "To be tried again: 1 message, the first at " in postroom.ok("deliver").err
    postroom.ok("outbox", "hold", str(row["id"]))
    assert "1 held until somebody releases it" in postroom.ok("deliver").err
    assert postroom.ok("deliver", "--quiet").err == ""
    assert postroom.ok("list", "outbox", "state:held", "--json").rows
    assert postroom.ok("outbox", "release", "--all", "--json").rows == [{"event": "done", "messages": 1}]
    postroom.ok("outbox", "cancel", str(row["id"]))
    assert postroom.ok("list", "outbox", "--json").rows[0]["state"] == "cancelled"


def test_the_route_is_told_without_taking_a_turn(postroom: Shell) -> None:
    add_mailbox(postroom, 2525, "one")
    add_mailbox(postroom, 2525, "two")
    words = ["route", "--from", "a@example.org", "--to", "b@example.org", "--json"]
    first = postroom.ok(*words).rows
    assert [row["mailbox"] for row in first] == ["one", "two"]
    assert postroom.ok(*words).rows == first
    down = postroom.ok(*words, "--down", "one").rows
    assert next(row["mailbox"] for row in down if row["order"] == 1) == "two"
    *_, nobody = postroom.ok(*words, "--down", "one", "two").rows
    assert nobody["why"] == "one: taken for down; two: taken for down"
    assert postroom(*words, "two").code == 64


def test_a_test_tells_each_step(postroom: Shell, add_account: AddAccount, smtp_sink: RuledSink) -> None:
    add_account("work")
    steps = postroom.ok("test", "account", "work", "--json").rows
    assert [list(step) for step in steps] == [["step", "ok", "ms", "detail"]] * len(steps)
    assert {"resolve", "connect", "tls", "login"} <= {step["step"] for step in steps}
    add_mailbox(postroom, smtp_sink.port)
    postroom.ok("test", "mailbox", "main")
    assert smtp_sink.deliveries == []


@pytest.mark.parametrize(
    ("words", "password", "code"),
    [(["host=no-such-host.invalid"], "secret", 69), ([], "wrong", 77), (["tls_ca="], "secret", 78)],
)
def test_a_test_that_fails_tells_why_by_its_code(
    postroom: Shell, add_account: AddAccount, words: list[str], password: str, code: int
) -> None:
    add_account("work", *words, password=password)
    ended = postroom("test", "account", "work", "--json")
    assert ended.code == code, ended
    assert [step["ok"] for step in ended.rows][-1] is False


@pytest.mark.parametrize(
    ("step", "ok", "code"),
    [
        ("login", True, 0),
        ("resolve", False, 69),
        ("connect", False, 69),
        ("greeting", False, 69),
        ("tls", False, 78),
        ("login", False, 77),
        ("folder", False, 78),
        ("mail_from", False, 78),
    ],
)
def test_the_code_of_a_step(step: str, ok: bool, code: int) -> None:
    assert exit_code_of(Step(step, ok, 1.0, "")) == code


def test_the_demo_without_a_terminal_does_the_whole_job(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.cli.conftest import ROOT

    shell = Shell(tmp_path / "untouched")
    variables: dict[str, Any] = {**shell.variables, "TMPDIR": "/tmp"}
    done = subprocess.run(
        [sys.executable, "-m", "tui.demo", "--once"], cwd=ROOT, env=variables, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done
    told = done.stdout.decode()
    assert "40 mails wait" in told
    assert "All of it worked" in told
    assert not shell.home.exists()


def test_json_lines_are_ascii(postroom: Shell) -> None:
    # Whatever a subject holds, a line of JSON commands no terminal.
    postroom.ok("add", "queue", "Ümläut")
    out = postroom.ok("list", "queue", "Ümläut", "--json").out
    assert out.isascii()
    assert json.loads(out)["name"] == "Ümläut"
