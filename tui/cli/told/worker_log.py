"""What a worker says while it works, on stderr: to a person, or to the journal of systemd."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from core.text import safe_text

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Levels, and syslog's word for each."""


def log_to_stderr(level: int) -> None:
    """Say what the worker has to say from this level on; of libraries only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    # The journal, or whoever started us, adds time and host.
    form = _ForJournal if is_journal(os.environ) else SafeFormatter
    handler.setFormatter(form("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("postroom").setLevel(level)


def is_journal(variables: Mapping[str, str]) -> bool:
    """Whether stderr leads to systemd's journal (systemd.exec(5), `$JOURNAL_STREAM`): the variable may be inherited."""
    try:
        facts = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return variables.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"


class SafeFormatter(logging.Formatter):
    """Lines in which other people's words neither command the terminal they are read on nor pass for a line of ours."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line."""
        record.message = safe_text(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """The lines of a traceback, which end with what somebody may have written."""
        return safe_text(super().formatException(ei), multiline=True)


class _ForJournal(SafeFormatter):
    """Each line begins with its priority (sd-daemon(3)), so that `journalctl --priority=warning` finds it."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
