"""What a command writes of other people's bytes: exactly, but never as commands to a terminal."""

import io
import sys

import pytest

from tui.cli.told.output import write_as_it_is

HOSTILE = b"Subject: \x1b]52;c;eA==\x07\xc2\x9b31m \xe2\x80\xaelive\r\n\r\nHello\xff\r\n"


class Stdout(io.TextIOWrapper):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "written"),
    [
        (False, HOSTILE),
        (True, "Subject: ␛]52;c;eA==␇\ufffd31m \ufffdlive\n\nHello\ufffd\n".encode()),
    ],
)
def test_bytes_are_exact_in_a_file_and_safe_on_a_terminal(
    is_terminal: bool, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = Stdout(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", stdout)
    write_as_it_is(HOSTILE)
    assert stdout.buffer.getvalue() == written  # type: ignore[attr-defined]
