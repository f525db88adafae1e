"""Standard input, output and error, which a caller may have closed."""

from __future__ import annotations

import contextlib
import os
import sys


def open_standard_streams() -> None:
    """See to it that there are three: a service or a script may start us with some of them closed (`<&-`, `>&-`).

    Python has none then, and the first files that we open would get their numbers: what is meant for a terminal would
    end up in them.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free: in this order, the one that is missing.
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", errors="backslashreplace"))


def discard_output() -> None:
    """Nobody takes our output: what is left of it, and what comes yet, goes nowhere."""
    # The interpreter flushes stdout when it ends, and would complain about the same fault once more.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_output_refused() -> bool:
    """Whether standard output does not take what it was given."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False
