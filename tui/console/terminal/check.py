"""Whether there is a terminal to draw on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from core.errors import Misuse

_HINT = (
    "For one command without a terminal use postroom fetch, deliver or list; for workers, postroom --worker; "
    "postroom --help names them all."
)


def check_terminal(variables: Mapping[str, str] | None = None) -> None:
    """Refuse to start where a console would hang or print escape sequences into a file.

    Raises:
        Misuse: input or output is no terminal, or the terminal cannot place its cursor.
    """
    variables = os.environ if variables is None else variables
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()):
        raise Misuse(f"The console needs a terminal, and this is none. {_HINT}")
    if variables.get("TERM", "").lower() in {"", "dumb", "unknown"}:
        raise Misuse(
            f"The console needs a terminal that can place its cursor; TERM is {variables.get('TERM', '')!r}. {_HINT}"
        )
