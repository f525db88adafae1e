"""A kind's main secret from stdin: never from an argument, which other users of this machine could read."""

from __future__ import annotations

import sys
from getpass import getpass

from core.errors import BadInput, Misuse
from core.resources.kind import Field, Kind
from core.secret import Secret


def secret_field(kind: Kind) -> Field | None:
    """The kind's first secret, the one that `--password-stdin` gives; `None` if it has none."""
    return next((one for one in kind.fields if one.is_secret), None)


def password_from_stdin(kind: Kind) -> dict[str, Secret]:
    """The first line of stdin as the value of the kind's first secret field.

    Raises:
        Misuse: the kind has none.
        BadInput: stdin is empty.
    """
    field = secret_field(kind)
    if field is None:
        raise Misuse(f"A {kind.name} has no password.")
    return {field.name: read_password(field.label)}


def read_password(label: str) -> Secret:
    """The first line of stdin; a terminal is asked, and does not show what is typed.

    Raises:
        BadInput: there is not even an empty line, as when a file that should hold it does not.
    """
    if sys.stdin.isatty():
        return Secret(getpass(f"{label}: ", stream=sys.stderr))
    line = sys.stdin.readline()
    if not line:
        raise BadInput("There is no password: stdin was empty.")
    return Secret(line.rstrip("\r\n"))
