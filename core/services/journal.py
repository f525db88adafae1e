"""The audit log in the system's journal too: what stands there is out of reach of who can write the database."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

SOCKET = "/dev/log"
"""Where the journal (or a syslog daemon) takes messages (RFC 3164), under the caller's own identity."""

LONGEST = 8000
"""Characters of a line; a daemon may drop what does not fit its datagrams."""

AUDIT = "postroom.audit"
"""The logger whose lines go there."""


def tell_journal(socket: str = SOCKET) -> logging.Handler | None:
    """Have the audit lines of this process go to the journal; `None` where there is none, which is no fault."""
    if not Path(socket).is_socket():
        return None
    handler = _Journal(socket, facility=logging.handlers.SysLogHandler.LOG_AUTHPRIV)
    handler.setFormatter(_Cut("postroom: audit %(message)s"))
    logger = logging.getLogger(AUDIT)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return handler


class _Journal(logging.handlers.SysLogHandler):
    """A journal that goes away stops nobody: the line stands in the database."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing."""


class _Cut(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
