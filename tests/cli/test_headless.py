"""Postroom without a terminal: a worker's one pass, its end on a signal, and the demo."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, AddAccount, Shell
from tests.cli.furnished import add_mailbox, mail, wait_for_worker
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE


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


def test_the_demo_without_a_terminal_does_the_whole_job(tmp_path: Path) -> None:
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
