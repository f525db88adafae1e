"""Foreign database exceptions, told apart and translated once."""

from __future__ import annotations

import errno
import os

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError

from core.errors import NotPermitted, PostroomError, StoreBusy, StoreError, StoreFull, StoreRefused

_PASSING_SQLSTATES = ("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08")
"""Serialization, deadlock, lock not available, server going down or starting, connection lost (PostgreSQL A.)."""


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    if isinstance(error, IntegrityError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate:
        return str(sqlstate).startswith(_PASSING_SQLSTATES)
    text = str(error.orig).lower()
    return (
        "locked" in text
        or "busy" in text
        or error.connection_invalidated
        or "connection failed" in text
        or "server closed the connection" in text
        or "connection refused" in text
    )


def _is_out_of_files() -> bool:
    """Whether this process can open nothing at all just now; SQLite does not say why it could not."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def translated(error: DBAPIError) -> PostroomError:  # noqa: PLR0911 - a table, in words
    """Our error for what the driver said."""
    text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    lowered = text.lower()
    if "disk is full" in lowered or "no space left" in lowered or getattr(error.orig, "sqlstate", "") == "53100":
        return StoreFull("The disk of the database is full; nothing was changed. Free some space and try again.")
    if "disk i/o error" in lowered:
        return StoreFull(
            "The database could not be written (disk I/O error); nothing was changed. Check disk and quota."
        )
    if getattr(error.orig, "sqlstate", "") == "42501":
        return NotPermitted(f"This login of the database may not do that: {text}.")
    if "unable to open database file" in lowered:
        if _is_out_of_files():
            return StoreBusy("This process has too many files and connections open to open the database once more.")
        return StoreBusy(
            "The file of the database cannot be opened: it was moved away or removed; nothing was changed."
        )
    if "no such table" in lowered or "no such column" in lowered or "undefinedtable" in lowered:
        return StoreError(
            f"The database has another shape than this version expects ({text}). Run: postroom db upgrade"
        )
    if isinstance(error, IntegrityError | DataError | InterfaceError):
        return StoreRefused(f"The database does not take these values: {text}")
    if is_passing(error):
        return StoreBusy(f"The database is out of reach or busy ({text}); nothing was changed. Try again.")
    return StoreError(f"The database refused the work: {text}")
