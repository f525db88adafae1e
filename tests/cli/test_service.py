"""A worker as a service: what its service manager hears, and a stop in the middle of the work."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell
from tests.cli.furnished import Hesitant, add_mailbox, hesitant_account, hesitant_relay
from tests.fakes.service_manager import Ear
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE

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


@pytest.fixture
def hesitant(service: Shell) -> Iterator[Hesitant]:
    with hesitant_account(service) as server:
        yield server


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
    relay = hesitant_relay(service, smtp_sink, monkeypatch)
    process = service.start("--worker")
    assert relay.is_asked.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ear.hear_until("STOPPING=1")
    relay.may_go_on.set()
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, b"Traceback" in said) == (0, False), said
    states = [row["state"] for row in service.ok("list", "outbox", "--json").rows]
    sent = states.count("sent")
    assert 0 < sent < 30
    assert states.count("queued") == 30 - sent
    assert len(smtp_sink.deliveries) == sent


def test_a_log_that_cannot_be_written_stops_no_work(service: Shell, ear: Ear, smtp_sink: RuledSink) -> None:
    """Its disk is full, as /dev/full always is."""
    add_mailbox(service, smtp_sink.port)
    service.ok("send", "ada@example.org", stdin=message(1))
    with Path("/dev/full").open("wb") as full:
        process = service.start("--worker", stderr=full)
        smtp_sink.wait_for(1, within=PATIENCE)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert [row["state"] for row in service.ok("list", "outbox", "--json").rows] == ["sent"]
