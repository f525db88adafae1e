"""Quarantine, worked with the keyboard: a message mended in an editor of one's own, and done away with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from core import clock
from core.errors import Misuse
from core.handles import Handles
from core.models import Message, OriginalMessage, Quarantine, RawMessage
from tests.console.conftest import Opener
from tests.console.rows import message, store
from tests.console.test_in_terminal import Terminal
from tui.console.editor import chosen_editor


@pytest.fixture
def waiting(handles: Handles) -> Handles:
    now = clock.utcnow()
    why = Quarantine(message_id=1, reason="Grievance raised ValueError", created_at=now, tried_at=now)
    store(handles, [*message(1, "Broken", state="quarantined", record_id=None), why], "quarantine")
    return handles


def row_of(handles: Handles, model: type[SQLModel]) -> SQLModel | None:
    with handles.database.reading() as session:
        return session.get(model, 1)


def editor(tmp_path: Path, script: str) -> str:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(
    ("script", "said", "subject"),
    [
        ("sed -i 's/^Subject: x/Subject: mended/' \"$1\"", b"was replaced", b"Subject: mended"),
        ("exit 0", b"stays as it is", b"Subject: x"),
        ("echo > \"$1\"; exit 1", b"ended with code 1", b"Subject: x"),
    ],
    ids=["mended", "left as it was", "given up"],
)  # fmt: skip
def test_a_message_is_mended_in_an_editor(
    waiting: Handles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: bytes, subject: bytes
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor(tmp_path, script))
    monkeypatch.setenv("TMPDIR", str(work))
    terminal = Terminal(str(waiting.environment.home), "quarantine")
    try:
        terminal.until(b"Broken")
        terminal.press(b"e")
        terminal.until(said)
        terminal.press(b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()
    raw, original = row_of(waiting, RawMessage), row_of(waiting, OriginalMessage)
    assert isinstance(raw, RawMessage)
    assert subject in raw.data
    assert (original is not None) == (subject == b"Subject: mended")
    assert list(work.iterdir()) == []  # no mail is left lying about


async def test_a_message_is_deleted_after_a_question(open_console: Opener, waiting: Handles) -> None:
    async with open_console(screen="quarantine") as console:
        await console.until_seen("Broken")
        await console.press("d")
        await console.until_seen("Delete for good?")
        await console.press("n")
        assert row_of(waiting, RawMessage) is not None
        await console.press("d", "y")
        await console.until_seen("Deleted 1 message for good.")
    assert row_of(waiting, RawMessage) is None
    gone = row_of(waiting, Message)
    assert isinstance(gone, Message)
    assert gone.state == "ignored"


async def test_a_message_that_is_open_is_left_open_until_it_leaves_quarantine(
    open_console: Opener, waiting: Handles
) -> None:
    async with open_console(screen="quarantine") as console:
        await console.until_seen("Broken")
        await console.press("enter", "d", "n")
        assert "Quarantine 1" in console.lines[0]
        await console.press("d", "y")
        await console.until_seen("Nothing is in quarantine.")
        await console.until_seen("✓ Deleted 1 message for good.")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"VISUAL": "code -w", "EDITOR": "vi"}, ["code", "-w"]),
        ({"VISUAL": " ", "EDITOR": "vi"}, ["vi"]),
        ({"EDITOR": "it's"}, ["it's"]),
        ({}, ["nano"]),
    ],
)
def test_the_editor_is_the_one_that_was_set_or_one_that_is_there(
    variables: Mapping[str, str], words: list[str]
) -> None:
    assert chosen_editor(variables, {"nano": "/bin/nano"}.get) == words


def test_without_any_editor_it_is_said_what_to_set() -> None:
    with pytest.raises(Misuse, match="EDITOR"):
        chosen_editor({}, {}.get)
