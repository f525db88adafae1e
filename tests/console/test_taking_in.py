"""Intake by hand in the console: a file is looked at before it is taken in, and taken in by an account's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.handles import Handles
from core.services.actor import Actor, Role
from tests.accounts import add_account, message, records
from tests.console.conftest import Opener
from tui.console.widgets.file_name import completed


@pytest.fixture(autouse=True)
def _account(handles: Handles) -> None:
    add_account(handles, name="support")


def mbox(folder: Path, *messages: bytes) -> Path:
    file = folder / "archive.mbox"
    file.write_bytes(b"".join(b"From a@b Thu Nov 19 10:00:00 2026\r\n" + one + b"\r\n" for one in messages))
    return file


async def test_a_file_is_looked_at_then_taken_in(open_console: Opener, handles: Handles, tmp_path: Path) -> None:
    file = mbox(tmp_path, message(1), message(2))
    async with open_console(screen="messages") as console:
        await console.press("n", "enter")
        await console.type(str(file)[:-3])
        await console.press("right", "enter")
        await console.until_seen("archive.mbox 2  Message 2")
        await console.until_seen("recorded: a new Ticket in queue Raw")
        assert records(handles) == []
        await console.press("ctrl+s")
        await console.until_seen("fetched 2, records 2")
        assert len(records(handles)) == 2
        await console.press("n", "enter")
        await console.type(str(file))
        await console.press("enter")
        await console.until_seen("here already; it would be skipped")


async def test_what_cannot_be_read_is_said_and_of_one_message_each_reason(open_console: Opener, tmp_path: Path) -> None:
    (tmp_path / "empty.eml").touch()
    (tmp_path / "one.eml").write_bytes(message(1))
    async with open_console(screen="messages") as console:
        await console.press("n", "enter")
        for file, said in {
            "/no/such": "/no/such cannot be read: No such file",
            str(tmp_path): "Is a directory",
            str(tmp_path / "empty.eml"): "there is no message in it",
            str(tmp_path / "one.eml"): "dispatch: default",
        }.items():
            console.app.screen._line.value = file
            await console.press("enter")
            await console.until(lambda said=said: said in " ".join(console.text.split()), said)


async def test_who_may_only_look_takes_nothing_in(open_console: Opener) -> None:
    async with open_console(screen="messages", actor=Actor("v", "h", Role.VIEWER)) as console:
        await console.press("n")
        assert "which account" not in console.text
        assert "take in" not in console.text


def test_names_of_files_are_completed_unless_they_would_draw_something_else(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "a\x1b[2J.eml").touch()
    assert completed(f"{tmp_path}/let") == f"{tmp_path}/letters/"
    assert completed(f"{tmp_path}/a") is None
    assert completed(f"{tmp_path}/") is None
    assert completed("/no/such/folder/x") is None
