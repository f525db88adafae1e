"""Faults of ours that the console outlives: a sentence for the screen, the place in the program for a file."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from core.data_folder import opened_file
from core.errors import PostroomError

FILE = "console-fault.log"
"""Its name, in the data folder."""

LOG = logging.getLogger("postroom.console")
LOG.propagate = False  # what is written to the terminal while the console has it is lost, or lost on the screen


class Fault(PostroomError):
    """Something broke within the console; the log holds where."""


class FaultLog(logging.Handler):
    """Adds to a file that its owner alone may read; tracebacks without the values of variables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one down, if it can be."""
        with suppress(OSError):
            descriptor = opened_file(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as target:
                target.write(self.format(record) + "\n")


def keep_faults(home: Path) -> logging.Handler:
    """Have the faults of this process written down from now on."""
    handler = FaultLog(home / FILE)
    LOG.addHandler(handler)
    return handler


def fault(what: str, error: Exception) -> Fault:
    """Write down what broke, within its `except`; gives what is said of it."""
    LOG.exception("%s failed", what)
    said = f"A fault of ours, {type(error).__name__}: {error}. {FILE} in the data folder has its place."
    if isinstance(error, ImportError):
        # What a function imports comes from the files that are there now, whichever version that is.
        said += " If Postroom was upgraded meanwhile, leave the console and open it again."
    return Fault(said)
