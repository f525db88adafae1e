"""Foreign database exceptions, told apart and translated once."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError

from core.data_folder import free_bytes
from core.errors import CannotWrite, NotPermitted, PostroomError, StoreBusy, StoreError, StoreFull, StoreRefused
from core.shortage import TOO_MANY_FILES, is_out_of_files

_PASSING_SQLSTATES = ("08", "40001", "40P01", "53200", "53300", "53400", "55P03", "57", "25P03", "25P04")
"""Connection lost; serialization, deadlock; out of memory, of connections, of another limit; lock not available; a
server that goes down or starts, a statement or session that it ended by its timeouts (PostgreSQL A.)."""

_PASSING_WORDS = (
    "locked", "busy", "connection failed", "connection refused", "connection timeout", "server closed the connection",
    "failed to resolve host", "connection is bad: connection to server",
)  # fmt: skip
"""What SQLite and psycopg say where there is no code: in the way, or on the way to the server."""

READ_ONLY_SERVER = (
    "It is a standby, or default_transaction_read_only is on. If another is the primary now, name that in database_url."
)


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    if isinstance(error, IntegrityError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate:
        return error.connection_invalidated or str(sqlstate).startswith(_PASSING_SQLSTATES)
    text = str(error.orig).lower()
    return error.connection_invalidated or any(words in text for words in _PASSING_WORDS)


def driver_words(error: DBAPIError) -> str:
    """What the driver said, its first line."""
    said = str(error.orig).strip()
    return said.splitlines()[0] if said else type(error.orig).__name__


def _fault_beside(file: Path | None) -> int:
    """What stops a file from being made beside the database's, as errno; 0: nothing.

    Not asked of the file itself: to close it would take away this process's locks on it. Nor by asking for its rights:
    a file system that the kernel closed after a fault of its disk still grants them.
    """
    try:
        if file is not None:
            tempfile.TemporaryFile(dir=file.parent).close()
    except OSError as error:
        return error.errno or 0
    return 0


_LITTLE = 1 << 16
"""Free bytes that are none: a page or two, and an index of the log, need as many."""

_READ_ONLY = (
    "Its file system has become read-only: the kernel's log (dmesg) says whether its disk has failed; else mount it "
    "for writing again."
)


def _has_no_room(file: Path | None) -> bool:
    """SQLite tells a disk that has no room for the index of its log as one that fails."""
    try:
        return file is not None and free_bytes(file.parent) < _LITTLE
    except OSError:  # one that fails indeed, or a folder that is closed by now
        return False


def _cannot_write(file: Path | None, named: str) -> StoreError:
    remedy = "Give this user the right to write the file, and its folder."
    is_read_only = _fault_beside(file) == errno.EROFS
    return CannotWrite(
        f"The database{named} cannot be written; nothing was changed. {_READ_ONLY if is_read_only else remedy}"
    )


def _cannot_open(file: Path | None, named: str) -> StoreError:
    """SQLite does not say why it could not; it needs files of its own beside the database."""
    if is_out_of_files():
        return StoreBusy(TOO_MANY_FILES)
    fault = _fault_beside(file)
    if fault in (errno.EMFILE, errno.ENFILE):
        return StoreBusy(TOO_MANY_FILES)
    if fault in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            f"The disk of the database{named} has no room for one more file (df -i shows inodes); nothing was changed. "
            "Free some space and try again."
        )
    if fault == errno.EROFS:
        return _cannot_write(file, named)
    why = "it was moved away or removed"
    if file is not None and os.access(file, os.F_OK):
        why = "what kept it closed is over; try again" if os.access(file, os.R_OK) else "this user has no right to it"
    if fault in (errno.EACCES, errno.EPERM):
        why = "this user has no right to its folder"
    return StoreBusy(f"The file of the database{named} cannot be opened: {why}; nothing was changed.")


def translated(error: DBAPIError, file: Path | None = None) -> PostroomError:  # noqa: PLR0911 - a table, in words
    """Our error for what the driver said; `file` is SQLite's, to be named."""
    named = f" ({file})" if file is not None else ""
    text = driver_words(error)
    lowered = text.lower()
    is_failing = "disk i/o error" in lowered
    is_full = "disk is full" in lowered or "no space left" in lowered or getattr(error.orig, "sqlstate", "") == "53100"
    if is_full or (is_failing and _has_no_room(file)):
        return StoreFull(
            f"The disk of the database{named} is full; nothing was changed. Free some space and try again."
        )
    if is_failing:
        return StoreFull(
            f"The database{named} could not be written (disk I/O error); nothing was changed. Check disk and quota."
        )
    if "readonly database" in lowered:
        return _cannot_write(file, named)
    if getattr(error.orig, "sqlstate", "") == "25006":
        return StoreBusy(f"The PostgreSQL server takes no changes now; nothing was changed. {READ_ONLY_SERVER}")
    if getattr(error.orig, "sqlstate", "") == "42501":
        return NotPermitted(f"This login of the database may not do that: {text}.")
    if "unable to open database file" in lowered:
        return _cannot_open(file, named)
    if "no such table" in lowered or "no such column" in lowered or "undefinedtable" in lowered:
        return StoreError(
            f"The database has another shape than this version expects ({text}). Run: postroom db upgrade"
        )
    if isinstance(error, IntegrityError | DataError | InterfaceError):
        return StoreRefused(f"The database does not take these values: {text}")
    if is_passing(error):
        return StoreBusy(f"The database is out of reach or busy ({text}); nothing was changed. Try again.")
    return StoreError(f"The database refused the work: {text}")
