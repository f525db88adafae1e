"""The SMTP listener of a real worker: set up by commands, killed at the worst moment, seen by the doctor."""

import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.conftest import Shell
from tests.waiting import until
from tui.demo.ports import free_port

MAIL = b"From: app@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nHello.\r\n"


@contextmanager
def worker(postroom: Shell, port: int, failpoint: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that sends, once its listener answers."""
    postroom.variables["POSTROOM_FAILPOINT"] = failpoint
    process = postroom.start("--worker", "--only", "send")
    try:
        until(lambda: is_answering(port) or process.poll() is not None, 30)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        del postroom.variables["POSTROOM_FAILPOINT"]


def is_answering(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def send(port: int, *, key: str = "") -> None:
    order = f"X-Postroom-Key: {key}\r\n".encode() if key else b""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.example", timeout=30) as client:
        client.sendmail("app@example.org", ["b@example.net"], order + MAIL)


@pytest.fixture
def port(postroom: Shell) -> int:
    number = free_port("127.0.0.1")
    postroom.ok("set", "setting", "listener.enabled=true")
    postroom.ok("set", "setting", f"listener.port={number}")
    return number


@pytest.mark.parametrize(("key", "copies"), [("", 2), ("order 7", 1)])
def test_killed_between_commit_and_answer_it_has_lost_nothing(
    postroom: Shell, port: int, key: str, copies: int
) -> None:
    """The client cannot know and sends again: at most a second copy, and none with a key."""
    with worker(postroom, port, "K19:kill@1") as process:
        with pytest.raises((smtplib.SMTPException, OSError)):
            send(port, key=key)
        assert process.wait(30) == -signal.SIGKILL
    assert len(postroom.ok("list", "outbox", "--json").rows) == 1
    with worker(postroom, port):
        send(port, key=key)
    assert len(postroom.ok("list", "outbox", "--json").rows) == copies


def test_the_doctor_says_who_listens(postroom: Shell, port: int) -> None:
    def found() -> tuple[str, str]:
        [row] = [row for row in postroom("doctor", "--json").rows if row["check"] == "listener"]
        return row["level"], row["text"]

    level, text = found()
    assert level == "warning"
    assert "postroom --worker" in text
    with worker(postroom, port):
        assert found()[0] == "ok"
    with socket.create_server(("127.0.0.1", port)):
        level, text = found()
        assert level == "error"
        assert "Another program" in text
