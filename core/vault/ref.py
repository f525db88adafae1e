"""References: secrets that stay where they are, in a variable or a file, and are read at each use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import SecretUnreadable
from core.secret import Secret

LONGEST = 64 * 1024
"""Bytes read of a secret's file; a refresh token has about two thousand."""


@dataclass(frozen=True)
class Ref:
    """`env:NAME` or `file:PATH`."""

    place: str

    @property
    def is_well_formed(self) -> bool:
        """Whether it names a variable or an absolute path."""
        scheme, _, name = self.place.partition(":")
        return bool(name) and (scheme == "env" or (scheme == "file" and name.startswith("/")))

    def read(self) -> Secret:
        """The secret as it stands there now.

        Raises:
            SecretUnreadable: the variable is not set, the file cannot be read, or it is empty.
        """
        scheme, _, name = self.place.partition(":")
        return from_variable(name) if scheme == "env" else from_file(name)


def from_variable(name: str) -> Secret:
    """The secret in an environment variable.

    Raises:
        SecretUnreadable: it is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise SecretUnreadable(f"The environment variable {name} is not set; it should hold a secret.")
    return Secret(value)


def from_file(path: str) -> Secret:
    """The secret in a file, without the line break at its end.

    Raises:
        SecretUnreadable: the file cannot be read or is empty.
    """
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(LONGEST).decode().rstrip("\r\n")
    except OSError as error:
        raise SecretUnreadable(
            f"The file {path}, which should hold a secret, cannot be read: {error.strerror}. Put it there, readable "
            "for the service's user."
        ) from error
    except UnicodeDecodeError as error:
        raise SecretUnreadable(f"The file {path}, which should hold a secret, is not UTF-8 text.") from error
    if not text:
        raise SecretUnreadable(f"The file {path}, which should hold a secret, is empty.")
    return Secret(text)
