"""What a command is given to read: what cannot be read is called by its name, stdin by its own."""

import io
import sys
from pathlib import Path

import pytest

from core.errors import NoInput
from tui.cli.words.files import read_bytes, read_message, read_text


class _Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_no_more_than_asked_for_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"0123456789")
    assert read_bytes(str(file), most=4) == b"0123"


def test_stdin_is_called_so_when_it_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Stdin(b"\xff"))
    with pytest.raises(NoInput, match=r"^stdin cannot be read: it is not UTF-8"):
        read_text("-")


def test_a_message_without_a_byte_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Stdin(b""))
    with pytest.raises(NoInput, match=r"^stdin is empty"):
        read_message("-")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match=r"absent\.eml cannot be read: No such file"):
        read_message(str(tmp_path / "absent.eml"))
