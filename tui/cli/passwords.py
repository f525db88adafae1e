"""A kind's main secret from stdin: never from an argument, which other users of this machine could read."""

from __future__ import annotations

import sys

from core.errors import Misuse
from core.resources.kind import Kind
from core.secret import Secret


def password_from_stdin(kind: Kind) -> dict[str, Secret]:
    """The first line of stdin as the value of the kind's first secret field.

    Raises:
        Misuse: the kind has none.
    """
    field = next((one for one in kind.fields if one.is_secret), None)
    if field is None:
        raise Misuse(f"A {kind.name} has no password.")
    return {field.name: Secret(sys.stdin.readline().rstrip("\r\n"))}
