"""The audit log goes to the journal too, and a journal that is not there stops nobody."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.handles import Handles
from core.secret import Secret
from core.services.actor import Actor
from core.services.journal import AUDIT, LONGEST, tell_journal
from tests.accounts import ON_SQLITE
from tests.services.worlds import add


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[socket.socket]:
    """A daemon's socket; its path is its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log"))
        listening.settimeout(10)
        yield listening


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    logger = logging.getLogger(AUDIT)
    level, before = logger.level, list(logger.handlers)
    yield
    for handler in logger.handlers[len(before) :]:
        handler.close()
    logger.handlers, logger.level = before, level


@ON_SQLITE
def test_a_change_is_told_with_before_and_after_and_no_secret(
    handles: Handles, admin: Actor, daemon: socket.socket
) -> None:
    assert tell_journal(daemon.getsockname()) is not None

    add(handles, admin, "account", "a", comment='"forged"', password=Secret("kanarienvogel"))

    told = daemon.recv(65536).decode()
    assert told.startswith("<86>postroom: audit anna@")  # authpriv, info
    assert ' add account "a" before=null after={' in told
    assert '"comment": "\\"forged\\""' in told
    assert '"password": "****"' in told
    assert "kanarienvogel" not in told
    assert "\n" not in told.rstrip("\n\0")


@ON_SQLITE
def test_a_long_line_is_cut(handles: Handles, admin: Actor, daemon: socket.socket) -> None:
    tell_journal(daemon.getsockname())

    add(handles, admin, "queue", "Q", comment="x" * 20_000)

    assert LONGEST < len(daemon.recv(65536)) < LONGEST + 100


@ON_SQLITE
def test_without_a_journal_or_when_it_goes_nothing_is_said(
    handles: Handles, admin: Actor, daemon: socket.socket, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tell_journal(str(tmp_path / "nothing")) is None
    tell_journal(daemon.getsockname())
    daemon.close()
    (tmp_path / "log").unlink()

    add(handles, admin, "queue", "Q")

    assert capfd.readouterr() == ("", "")
