"""Reading SQLite's file where not even a small one can be made beside it: its disk is full, or has no inode left.

Before it reads, SQLite makes an index of its log (sqlite.org/wal.html, "Read-Only Databases"). Where nobody has the
database open and its log holds nothing, the file is whole by itself. It is then read as one that nobody changes
(`immutable`, sqlite.org/c3ref/open.html), which takes no lock; so afterwards it is seen whether nobody did.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from core.db.place import logs_of
from core.errors import StoreBusy


def is_at_rest(file: Path) -> bool:
    """Whether all that was ever written stands in the file: no log beside it holds anything."""
    try:
        return file.exists() and not any(map(_size, logs_of(file)))
    except OSError:  # of a disk that fails nobody can tell
        return False


@contextmanager
def looking(engine: Engine, file: Path) -> Iterator[Connection]:
    """A look at a file at rest.

    Args:
        engine: keeps no connection, for such a one would never see what is written later.
        file: what it opens.

    Raises:
        StoreBusy: somebody wrote meanwhile; what was read may be torn.
    """
    before = _stamp(file)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError:
        _refuse_written(file, before)  # what is torn may make no sense to SQLite either
        raise
    _refuse_written(file, before)


def _refuse_written(file: Path, before: tuple[int, int, int]) -> None:
    if not is_at_rest(file) or _stamp(file) != before:
        raise StoreBusy(f"The database ({file}) was written while it was looked at. Try again.")


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:  # whoever is done takes it away
        return 0


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
