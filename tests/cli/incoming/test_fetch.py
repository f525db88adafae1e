"""`postroom fetch` on a real server: what it prints, what it keeps, and how it ends."""

import hashlib
import json
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import AddAccount, Shell
from tests.cli.furnished import add_mailbox, mail
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE
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
RUN_KEYS = {"id", "account", "worker", "state", "started_at", "ended_at", "bytes", "error"} | set(FETCH_KEYS[3:-1])

NASTY = "\x1b]52;c;ZXZpbA==\x07 [/] [red] \u202egnol"


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


def test_words_that_cannot_be_written_end_no_run(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount
) -> None:
    dovecot.deliver(add_account("work"), [mail(number) for number in range(3)])
    with Path("/dev/full").open("wb") as full:
        fetched = postroom.start("fetch", stderr=full)
        said, _ = fetched.communicate(timeout=PATIENCE)
    assert b"3 taken in (records 3)" in said
    assert fetched.returncode == 0
    assert [row["state"] for row in postroom.ok("list", "run", "--json").rows] == ["ok"]


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


def test_a_fault_of_ours_in_a_run_is_a_sentence_and_a_traceback_in_the_home(
    postroom: Shell, dovecot: DovecotServer, add_account: AddAccount
) -> None:
    dovecot.deliver(add_account("work"), [mail(1)])
    postroom.variables["POSTROOM_FAILPOINT"] = "K8:raise@1"
    ended = postroom("fetch", "work", "--quiet")
    assert (ended.code, ended.err.count("\n")) == (75, 1)
    assert f"account work: a run ended unexpectedly. The details are in {postroom.home}/faults.log" in ended.err
    assert "FailpointReached" in (postroom.home / "faults.log").read_text()


def test_json_lines_are_ascii(postroom: Shell) -> None:
    # Whatever a subject holds, a line of JSON commands no terminal.
    postroom.ok("add", "queue", "Ümläut")
    out = postroom.ok("list", "queue", "Ümläut", "--json").out
    assert out.isascii()
    assert json.loads(out)["name"] == "Ümläut"
