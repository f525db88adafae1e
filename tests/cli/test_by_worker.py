"""Who may not read the key has a worker do it: fetch, dry runs, deliver, test; and still enters passwords."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import waiting
from tests.accounts import message
from tests.cli.conftest import Shell
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import Phase, RuledSink
from tests.waiting import PATIENCE

CANARY = "kanarienvogel-17"


@pytest.fixture
def lacking(postroom: Shell) -> Shell:
    """Somebody on the same home who has no key; `postroom` is the service."""
    shell = Shell(postroom.home)
    shell.variables["POSTROOM_KEY_FILE"] = "/nonexistent/key"
    return shell


@pytest.fixture
def relay() -> Iterator[RuledSink]:
    with RuledSink(users={"u": CANARY}) as sink:
        yield sink


@pytest.fixture
def user(dovecot: DovecotServer) -> str:
    name = dovecot.fresh_user()
    for number in range(3):
        dovecot.append(name, message(number))
    return name


@pytest.fixture
def furnished(postroom: Shell, lacking: Shell, relay: RuledSink, dovecot: DovecotServer, user: str) -> Shell:
    """An account and a mailbox, their passwords entered by who cannot read them."""
    postroom.ok(
        "add", "account", "in", "type=IMAP", f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}",
        "idle=false", "--password-stdin", stdin=b"mistyped",
    )  # fmt: skip
    lacking.ok("set", "account", "in", "--password-stdin", stdin=b"secret")
    template = ("smtp_host=127.0.0.1", f"smtp_port={relay.port}", "smtp_security=none")
    lacking.ok("add", "template", "T", *template)
    lacking.ok(
        "add", "mailbox", "out", "template=T", "username=u", "default_sender=a@example.org", "--password-stdin",
        stdin=CANARY.encode(),
    )  # fmt: skip
    return lacking


@pytest.fixture
def worker(postroom: Shell, furnished: Shell) -> Iterator["subprocess.Popen[bytes]"]:
    process = postroom.start("--worker")
    waiting.until(lambda: bool(furnished.ok("list", "worker", "--json").rows))
    yield process
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert CANARY.encode() not in error


def test_without_a_worker_it_is_put_off_with_a_sentence(furnished: Shell, postroom: Shell) -> None:
    for words in (
        ("fetch", "in"),
        ("fetch",),
        ("fetch", "--dry-run"),
        ("deliver",),
        ("test", "account", "in"),
        ("test", "mailbox", "out"),
    ):
        ended = furnished(*words)
        assert ended.code == 75, (words, ended)
        assert ended.err.count("\n") == 1
        assert "needs the key (/nonexistent/key), which is not there, and no worker" in ended.err
    assert furnished("--worker").code == 78
    assert furnished("fetch", "nobody").code == 67
    assert postroom.ok("fetch", "in", "--json").rows[-1]["fetched"] == 3


@pytest.mark.usefixtures("worker")
def test_a_worker_fetches_delivers_and_tests(
    furnished: Shell, relay: RuledSink, dovecot: DovecotServer, user: str, tmp_path: Path
) -> None:
    tested = furnished.ok("test", "account", "in", "--json").rows
    assert [row["step"] for row in tested][-3:] == ["folder", "count", "plan"]
    assert furnished.ok("list", "account", "--json").rows[0]["tested_at"]
    furnished.ok("test", "mailbox", "out")

    planned = furnished.ok("fetch", "in", "--dry-run", "--json").rows
    # How many it has fetched by itself meanwhile is its own affair.
    assert [(row["account"], row["folder"], row["new"] + row["here"]) for row in planned] == [("in", "INBOX", 3)]
    furnished.ok(
        "add", "account", "away", "type=IMAP", "host=127.0.0.1", "port=1", "username=u", "--password-stdin", stdin=b"x"
    )
    rehearsed = furnished("fetch", "--dry-run")
    assert (rehearsed.code, "in INBOX: " in rehearsed.out) == (75, True), rehearsed
    assert "away: " in rehearsed.err
    furnished.ok("delete", "account", "away")
    assert furnished("fetch", "nobody", "--dry-run").code == 67

    # What the worker began by itself is over then: who asks would be told of that run, and this one has old mail alone.
    furnished.ok("fetch", "in")
    for number in (4, 5):
        dovecot.append(user, message(number))
    fetched = furnished.ok("fetch", "in", "--json")
    assert fetched.rows[-1]["accounts"] == 1
    assert "in  " in fetched.err
    assert len(furnished.ok("list", "message", "--json").rows) == 5
    assert furnished.ok("fetch", "--json").rows[-1]["failed"] == 0

    furnished.ok("send", "-f", "a@example.org", "b@example.net", stdin=b"Subject: hello\n\nx\n")
    waiting.until(lambda: len(relay.deliveries) == 1)
    assert furnished.ok("deliver", "--json").rows[-1]["event"] == "summary"

    # The dialogue travels too, masked where it was met; and what a server asks to be tried again later is told apart.
    relay.rule(Phase.RCPT, "450 4.2.0 Greylisted")
    later = furnished("test", "mailbox", "out", "--debug")
    assert later.code == 75
    assert later.err.index("> MAIL FROM:<a@example.org>") < later.err.index("< 450 4.2.0 Greylisted")
    assert "> AUTH PLAIN ****" in later.err
    relay.clear_rules()

    # Values that are not saved: the password travels sealed, and a kept one goes to no other server.
    wrong = furnished("test", "mailbox", "out", "username=u", "--password-stdin", "--json", stdin=b"wrong\n")
    assert (wrong.code, wrong.rows[-1]["step"]) == (77, "login")
    diverted = furnished("test", "account", "in", "host=127.0.0.2", "--json")
    assert diverted.code == 65
    assert "host differs from what is saved: a worker does not take the kept password" in diverted.err
    furnished.ok("test", "mailbox", "out", "priority=3")
    assert furnished("test", "account", "nobody").code == 67

    lines = furnished.ok("list", "audit", "--json").rows
    assert {(line["verb"], line["kind"]) for line in lines} >= {
        ("fetch", "account"),
        ("deliver", "outbox"),
        ("test", "mailbox"),
    }
    assert CANARY not in json.dumps(lines)


def test_a_round_trip_is_made_by_the_worker(furnished: Shell, worker: object) -> None:
    furnished.ok("set", "account", "in", "address=in@example.org")
    ended = furnished("test", "roundtrip", "out", "in", "--within", "1s", "--json")
    # The relay takes it and delivers nothing.
    assert ended.code == 75, ended
    assert [(row["step"], row["ok"]) for row in ended.rows] == [
        ("watch", True), ("connect", True), ("sent", True), ("arrived", False),
    ]  # fmt: skip
    assert furnished("test", "roundtrip", "out", "nowhere").code == 67
