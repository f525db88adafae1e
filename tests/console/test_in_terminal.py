"""The real thing in a pseudo-terminal: what reaches it, and how it is left."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from core.handles import Handles
from tests.console.rows import message, record, run, store
from tests.waiting import PATIENCE

_RUN = """
import sys
from core.environment import read_environment
from core.gateway import open_gateway
from core.services.actor import current_actor
from tui.console.run import run_console
handles = open_gateway(read_environment({}, home=sys.argv[1]))
code = run_console(handles, current_actor(handles), screen=sys.argv[2])
handles.close()
sys.exit(code)
"""
LEAVES = b"\x1b[?1049l"
"""The sequence that gives the terminal its old content back."""
FROM_DATA = re.compile("\x1b\\]52|\x1b\\[2J|\x9b|\x07")
POINTER = re.compile("\x1b\\]22;[a-z]*\x07")
"""The framework's own: the shape of the mouse pointer."""


class Terminal:
    """A console in a pseudo-terminal of 80×24."""

    is_gone = False

    def __init__(self, home: str, screen: str, *, stderr: BinaryIO | None = None) -> None:
        self.output = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(slave)
        self._slave = slave
        environment = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": home}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, home, screen],
            stdin=slave, stdout=slave, stderr=stderr or slave, env=environment,
        )  # fmt: skip

    def until(self, wanted: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.output:
            assert time.monotonic() < deadline, f"waited in vain for {wanted!r} in {self.output[-2000:]!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                self.output += os.read(self._master, 65536)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ended(self) -> int:
        """The exit code, once all output is read."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.output[-500:]!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                self.output += os.read(self._master, 65536)
        while select.select([self._master], [], [], 0)[0]:
            self.output += os.read(self._master, 65536)
        return self.process.returncode

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._slave) == self.modes

    def hang_up(self) -> None:
        """The window is closed or the line is lost; to a process outside of its session no signal says so."""
        self.is_gone = True
        os.close(self._master)
        os.close(self._slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not self.is_gone:
            self.hang_up()


@pytest.fixture
def terminal(handles: Handles, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    bad = "\x1b]52;c;aGVsbG8=\x07\x1b[2J\x9b31m[/][red]"
    store(handles, [record(1, f"Subject {bad}"), *message(1, bad, body=bad), run(1, bad)], "record")
    opened = Terminal(str(handles.environment.home), request.param)
    yield opened
    opened.close()


@pytest.mark.parametrize("terminal", ["records"], indirect=True)
def test_a_subject_commands_no_terminal(terminal: Terminal) -> None:
    terminal.until("Subject ␛]52".encode())
    terminal.press(b"\r")
    terminal.until(b"Why it is here")
    terminal.press(b"2")
    terminal.until(b"following")
    terminal.press(b"q")
    assert terminal.ended() == 0
    assert not FROM_DATA.search(POINTER.sub("", terminal.output.decode()))


def test_it_draws_on_the_terminal_though_errors_go_to_a_file(handles: Handles, tmp_path: Path) -> None:
    store(handles, [run(1, "one")], "run")
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        terminal = Terminal(str(handles.environment.home), "runs", stderr=stderr)
    terminal.until(b"Started")
    terminal.press(b"q")
    assert terminal.ended() == 0
    assert LEAVES in terminal.output
    assert log.read_bytes() == b""
    terminal.close()


@pytest.mark.parametrize("keys", [b"", b"nx\x1b"], ids=["a list", "a question about what is not saved"])
@pytest.mark.parametrize("terminal", ["accounts"], indirect=True)
def test_a_console_whose_terminal_is_gone_ends(terminal: Terminal, keys: bytes) -> None:
    terminal.until(b"Name")
    terminal.press(keys)
    terminal.hang_up()
    assert terminal.process.wait(timeout=PATIENCE) == 128 + signal.SIGHUP


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("terminal", ["accounts"], indirect=True)
def test_a_signal_gives_the_terminal_back(terminal: Terminal, number: signal.Signals) -> None:
    terminal.until(b"No accounts yet.")
    terminal.process.send_signal(number)
    assert terminal.ended() == 128 + number, terminal.output[-3000:].decode()
    assert LEAVES in terminal.output
    assert terminal.is_as_before()
