"""What a command is given to read: a file by its name, or stdin (`-`)."""

from __future__ import annotations

import sys
from pathlib import Path

from core.errors import NoInput

STDIN = "-"


def name_of(file: str) -> str:
    """What a sentence calls it."""
    return "stdin" if file == STDIN else file


def read_bytes(file: str, most: int = -1) -> bytes:
    """Its bytes, no more than so many.

    Raises:
        NoInput: it cannot be read.
    """
    try:
        if file == STDIN:
            return sys.stdin.buffer.read(most)
        with Path(file).open("rb") as opened_file:
            return opened_file.read(most)
    except OSError as error:
        raise NoInput(f"{name_of(file)} cannot be read: {error.strerror}.") from error


def read_text(file: str) -> str:
    """Its text.

    Raises:
        NoInput: it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoInput(f"{name_of(file)} cannot be read: it is not UTF-8.") from error


def read_message(file: str) -> bytes:
    """A message's exact bytes.

    Raises:
        NoInput: it cannot be read, or holds nothing.
    """
    raw = read_bytes(file)
    if not raw:
        raise NoInput(f"{name_of(file)} is empty: there is no message in it.")
    return raw
