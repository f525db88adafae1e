"""What is told of work while it goes on."""

from __future__ import annotations

import contextlib
import sys

from core.text import safe_text


def tell_live(text: str) -> None:
    """One line on stderr, written whole, because several may tell at once.

    A disk that is full of logs, or a reader that is gone, must not end the work that is told of: only the line is lost.
    """
    with contextlib.suppress(OSError):
        sys.stderr.write(safe_text(text) + "\n")
