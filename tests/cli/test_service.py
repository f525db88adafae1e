"""A worker as a service: what its service manager hears, and a stop in the middle of the work."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.service_manager import Ear
from tests.fakes.steps import Command, Reply
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE
from tui.demo.ledger import Delivered

WATCHDOG = 600


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    opened = Ear(str(tmp_path / "notify"))
    yield opened
    opened.close()


@pytest.fixture
def service(postroom: Shell, ear: Ear) -> Shell:
    """A home whose workers are started by a service manager."""
    postroom.ok("init")
    postroom.variables |= {"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": str(WATCHDOG * 1_000_000)}
    return postroom


@pytest.mark.parametrize(
    ("words", "works"), [((), "Fetches and sends, as worker-"), (("--only", "send"), "Sends, as send-")]
)
def test_a_worker_tells_that_it_works_and_that_it_ends(service: Shell, ear: Ear, words: tuple[str], works: str) -> None:
    process = service.start("--worker", *words)
    ready, status, watchdog = ear.hear()
    assert (ready, watchdog) == ("READY=1", "WATCHDOG=1")
    assert status.startswith(f"STATUS={works}")
    assert len(service.ok("list", "worker", "--json").rows) == 1

    process.send_signal(signal.SIGTERM)
    assert ear.hear() == ["STOPPING=1", "STATUS=Finishing what is in hand."]
    assert (process.communicate(timeout=PATIENCE)[1], process.returncode) == (b"", 0)


@dataclass
class Hesitant:
    """A server with three hundred messages, which gives none of them until it may go on."""

    mails: dict[int, bytes | None]
    is_asked: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def hesitant(service: Shell) -> Iterator[Hesitant]:
    """What the service fetches from, and deletes there."""
    found = Hesitant({number: message(number) for number in range(1, 301)})
    script = holding(found.mails)
    bodies = script["UID FETCH"]

    def slowly(command: Command) -> Reply:
        if "BODY.PEEK" in command.text:
            found.is_asked.set()
            found.may_go_on.wait(PATIENCE)
        return bodies(command)

    with ScriptedImap({**script, "UID FETCH": slowly}) as server:
        where = ("type=IMAP", f"host={server.host}", f"port={server.port}", "username=u", "after_fetch=delete")
        service.ok("add", "account", "slow", *where, "--password-stdin", stdin=b"secret\n")
        yield found
        found.may_go_on.set()


def test_a_stop_in_the_middle_of_a_fetch_keeps_what_was_read_and_leaves_the_rest(
    service: Shell, ear: Ear, hesitant: Hesitant
) -> None:
    process = service.start("--worker")
    assert hesitant.is_asked.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ear.hear_until("STOPPING=1")
    hesitant.may_go_on.set()
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, b"Traceback" in said) == (0, False), said
    (run,) = service.ok("list", "run", "--json").rows
    kept = len(service.ok("list", "message", "--json").rows)
    assert run["state"] == "stopped"
    # What was on its way is kept, and deleted there; each of the others is where it was.
    assert (run["fetched"], run["acknowledged"]) == (kept, kept)
    assert 0 < kept < 300
    assert len(hesitant.mails) == 300 - kept


def test_a_second_signal_ends_it_at_once_and_all_that_is_not_here_is_on_the_server(
    service: Shell, ear: Ear, hesitant: Hesitant
) -> None:
    process = service.start("--worker")
    assert hesitant.is_asked.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ear.hear_until("STOPPING=1")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)

    assert process.returncode == -signal.SIGTERM
    assert len(hesitant.mails) + len(service.ok("list", "message", "--json").rows) == 300


def test_a_stop_in_the_middle_of_sending_waits_for_the_relays_word(
    service: Shell, ear: Ear, smtp_sink: RuledSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_given, may_answer, keep = threading.Event(), threading.Event(), smtp_sink.keep

    def slowly(delivered: Delivered) -> None:
        keep(delivered)
        is_given.set()
        may_answer.wait(PATIENCE)

    monkeypatch.setattr(smtp_sink, "keep", slowly)
    relay = ("smtp_host=127.0.0.1", f"smtp_port={smtp_sink.port}", "smtp_security=none", "smtp_auth=false")
    service.ok("add", "template", "relay", *relay)
    service.ok("add", "mailbox", "main", "template=relay", "default_sender=us@example.com")
    for number in range(30):
        service.ok("send", "ada@example.org", stdin=message(number))
    process = service.start("--worker")
    assert is_given.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ear.hear_until("STOPPING=1")
    may_answer.set()
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, b"Traceback" in said) == (0, False), said
    states = [row["state"] for row in service.ok("list", "outbox", "--json").rows]
    sent = states.count("sent")
    assert 0 < sent < 30
    assert states.count("queued") == 30 - sent
    assert len(smtp_sink.deliveries) == sent


def test_a_log_that_cannot_be_written_stops_no_work(service: Shell, ear: Ear, smtp_sink: RuledSink) -> None:
    """Its disk is full, as /dev/full always is."""
    relay = ("smtp_host=127.0.0.1", f"smtp_port={smtp_sink.port}", "smtp_security=none", "smtp_auth=false")
    service.ok("add", "template", "relay", *relay)
    service.ok("add", "mailbox", "main", "template=relay", "default_sender=us@example.com")
    service.ok("send", "ada@example.org", stdin=message(1))
    with Path("/dev/full").open("wb") as full:
        process = service.start("--worker", stderr=full)
        smtp_sink.wait_for(1, within=PATIENCE)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert [row["state"] for row in service.ok("list", "outbox", "--json").rows] == ["sent"]
