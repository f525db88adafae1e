"""The SMTP listener of a real worker: set up by commands, killed at the worst moment, seen by the doctor."""

import resource
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.waiting import PATIENCE, until
from tui.demo.ports import free_port

MAIL = b"From: app@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nHello.\r\n"


@contextmanager
def worker(postroom: Shell, port: int, failpoint: str = "", **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that sends, once its listener answers."""
    postroom.variables["POSTROOM_FAILPOINT"] = failpoint
    process = postroom.start("--worker", "--only", "send", **options)
    try:
        until(lambda: is_answering(port) or process.poll() is not None)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        del postroom.variables["POSTROOM_FAILPOINT"]


def is_answering(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def send(port: int, *, key: str = "", body: bytes = b"") -> None:
    order = f"X-Postroom-Key: {key}\r\n".encode() if key else b""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.example", timeout=PATIENCE) as client:
        client.sendmail("app@example.org", ["b@example.net"], order + MAIL + body)


@pytest.fixture
def port(postroom: Shell) -> int:
    number = free_port("127.0.0.1")
    postroom.ok("set", "setting", "listener.enabled=true", f"listener.port={number}")
    return number


def found_by_the_doctor(postroom: Shell) -> tuple[str, str]:
    [row] = [row for row in postroom("doctor", "--json").rows if row["check"] == "listener"]
    return row["level"], row["text"]


def test_killed_between_commit_and_answer_it_has_lost_nothing(postroom: Shell, port: int) -> None:
    """The client cannot know and sends again: with a key there is no second copy, and never a loss."""
    with worker(postroom, port, "K19:kill@1") as process:
        with pytest.raises((smtplib.SMTPException, OSError)):
            send(port, key="order 7")
        assert process.wait(PATIENCE) == -signal.SIGKILL
    assert len(postroom.ok("list", "outbox", "--json").rows) == 1
    with worker(postroom, port):
        send(port, key="order 7")
        assert found_by_the_doctor(postroom)[0] == "ok"
    assert len(postroom.ok("list", "outbox", "--json").rows) == 1


def test_a_disk_that_is_full_is_answered_452_and_keeps_nothing(postroom: Shell, port: int) -> None:
    """As a full disk does it: no file of the worker may grow beyond two megabytes, the message is larger."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    with worker(postroom, port, preexec_fn=limit):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(port, body=b"x" * (3 << 20))
        assert refused.value.smtp_code == 452
        send(port)
    assert len(postroom.ok("list", "outbox", "--json").rows) == 1


def test_the_doctor_says_who_listens_instead(postroom: Shell, port: int) -> None:
    level, text = found_by_the_doctor(postroom)
    assert level == "warning"
    assert "postroom --worker" in text
    with socket.create_server(("127.0.0.1", port)):
        level, text = found_by_the_doctor(postroom)
        assert level == "error"
        assert "Another program" in text
