"""What docs/sending.md shows works as it stands there."""

import re
import shlex
import threading
from pathlib import Path
from typing import Any

import pytest

import postroom as public
from core.handles import Handles
from core.outbound.listener.listener import Listener
from core.outbound.listener.message import ORDERS
from core.services import settings
from core.services.actor import Actor
from tests.accounts import ON_SQLITE
from tests.cli.conftest import Shell
from tests.outbound.world import rows
from tests.pages import blocks, page
from tests.waiting import PATIENCE, until
from tui.cli.sendmail.flags import HELP, read_flags
from tui.demo.ports import free_port

PAGE = page("sending")


def test_every_command_on_the_page_does_as_it_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    for line in "".join(blocks(PAGE, "sh")).splitlines():
        before, _, command = line.rpartition(" | ")
        stdin = shlex.split(before)[1].replace("\\n", "\n").encode() if before else b""
        ended = shell(*shlex.split(command)[1:], stdin=stdin)
        assert ended.code in ((0, 1, 2) if command == "postroom doctor" else (0,)), (line, ended)
    listed = shell.ok("list", "outbox", "--json").rows
    assert {row["lane"] for row in listed} == {"urgent", "normal", "bulk"}
    assert len(listed) == 4


@ON_SQLITE
def test_every_program_on_the_page_runs(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(public, "_handles", lambda: handles)
    port = free_port("127.0.0.1")
    given = {"enabled": True, "port": port, "username": "shop", "password": "a secret"}
    settings.change(handles, admin, {f"listener.{name}": value for name, value in given.items()})
    stop = threading.Event()
    thread = threading.Thread(target=Listener(handles, stop).run)
    thread.start()
    try:
        until(lambda: _answers(port))
        for program in blocks(PAGE, "python"):
            exec(program.replace("2525", str(port)), {})
    finally:
        stop.set()
        thread.join(PATIENCE)
    found: list[Any] = rows(handles)
    assert len(found) == 1 + 1 + 200 + 1
    assert (found[-1].lane, found[-1].submitted_by, found[-1].subject) == ("urgent", "shop (smtp)", "Your code")
    assert "recipient" in capsys.readouterr().out


def _answers(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def test_every_order_is_on_the_page() -> None:
    assert set(re.findall(r"^\| `X-Postroom-(\w+)`", PAGE, re.MULTILINE)) == {order.capitalize() for order in ORDERS}


def test_every_flag_on_the_page_is_known() -> None:
    section = PAGE.partition("Flags as sendmail")[2].partition("\n\n")[0]
    for flag in re.findall(r"`(-[^`]+)`", section):
        words = shlex.split(flag.replace("…", "x"))
        read_flags(
            [
                *words,
                *(
                    ["value"]
                    if words[0] in ("-f", "-r", "-F", "-V", "-R", "-h", "-L", "-A", "-C", "-X") and len(words) == 1
                    else []
                ),
            ]
        )
    assert "postroom send" in HELP
