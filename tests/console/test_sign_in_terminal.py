"""Signing in at a terminal of 80×24 as it is: from the form of an account, and from the command line."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.profiles import profiles
from core.services.signing_in.sign_in_status import State, standings
from tests.console.rows import add_account
from tests.console.test_in_terminal import Terminal
from tests.fakes.token_server import TokenServer

USER = "support@example.org"


@pytest.fixture
def provider(handles: Handles, actor: Actor) -> Iterator[TokenServer]:
    with TokenServer() as server:
        values = {**server.profile("device_code"), "client_secret": server.client_secret}
        profiles.add(handles, actor, "p", values)
        add_account(handles, actor, "support", username=USER, profile="p")
        yield server


class CommandLine(Terminal):
    """A command in place of the console."""

    def __init__(self, home: str, *words: str) -> None:
        self.output = b""
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(self._slave)
        variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", *words], env={**variables, "POSTROOM_HOME": home},
            stdin=self._slave, stdout=self._slave, stderr=self._slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip


def test_from_the_form_of_an_account(handles: Handles, actor: Actor, provider: TokenServer) -> None:
    terminal = Terminal(str(handles.environment.home), "accounts")
    try:
        terminal.until(b"support")
        terminal.press(b"\r")
        terminal.until(b"sign in")
        terminal.press(b"\x0f")
        terminal.until(b"WXYZ-1234")
        terminal.until("▄".encode())
        terminal.until(b"waiting, 14:")
        provider.enter_code(USER)
        terminal.until(b"All well.")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM
    finally:
        terminal.close()
    assert [one.state for one in standings(handles, actor)] == [State.SIGNED_IN]


@pytest.mark.parametrize("ends", ["signed in", "interrupted"])
def test_from_the_command_line(handles: Handles, actor: Actor, provider: TokenServer, ends: str) -> None:
    terminal = CommandLine(str(handles.environment.home), "oauth", "login", "account", "support")
    try:
        terminal.until(b"Waiting, 14:")
        head, _, picture = terminal.output.decode().partition("WXYZ-1234\r\n")
        assert len(head.splitlines()) == 2
        assert len(picture.splitlines()) <= 20  # all of it is seen at once
        if ends == "interrupted":
            terminal.press(b"\x03")
            assert terminal.ended() == 130
        else:
            provider.enter_code(USER)
            assert terminal.ended() == 0
            assert f"Signed in as {USER}".encode() in terminal.output
        assert terminal.is_as_before()
    finally:
        terminal.close()
    wanted = State.SIGNED_IN if ends == "signed in" else State.NEEDS_SIGN_IN
    assert [one.state for one in standings(handles, actor)] == [wanted]
