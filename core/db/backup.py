"""Copying a live SQLite database into a file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.data_folder import sync_folder
from core.db.at_rest import looking
from core.db.engine import make_resting_engine, sqlite_module
from core.environment import Environment
from core.errors import CannotWrite, NoInput


def backup_sqlite(environment: Environment, target: Path, *, only_read: bool = False) -> Path:
    """Copy the live database through SQLite's backup API; a copied file without its log would be torn.

    Args:
        environment: where it is.
        target: the file to be made.
        only_read: whether its disk is too full for SQLite to open it the usual way.

    Raises:
        NoInput: there is no database yet.
        CannotWrite: the copy cannot be written; nothing of it is left.
        StoreBusy: it was written meanwhile, though nothing could be.
    """
    if not environment.database_file.exists():
        raise NoInput(f"There is no database at {environment.database_file}.")
    copying = target.with_name(f".{target.name}.copying")
    try:
        copied(environment.database_file, copying, only_read=only_read)
        synced(copying)
        copying.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise CannotWrite(f"{target} cannot be written: {error.strerror}.") from error
    except driver_errors() as error:
        raise CannotWrite(f"{target} cannot be written: {error}.") from error
    finally:
        with contextlib.suppress(OSError):  # where nothing can be made, nothing was
            copying.unlink()
    return target


def refuse_taken(target: Path) -> None:
    """See that a copy would overwrite nothing.

    Raises:
        CannotWrite: the file is there, or its folder is closed to us.
    """
    try:
        is_taken = target.exists()
    except OSError as error:
        raise CannotWrite(f"{target} cannot be written: {error.strerror}. Name a folder of your own.") from error
    if is_taken:
        raise CannotWrite(f"{target} is there already and was left as it is. Name a file that is not.")


def copied(source: Path, target: Path, *, only_read: bool = False) -> None:
    """Copy a database, used or not, into a file that nobody else can read."""
    target.unlink(missing_ok=True)
    # Closed to all others before the first byte is in it.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        _opened(source, only_read=only_read) as original,
        contextlib.closing(sqlite_module().connect(str(target))) as copy,
    ):
        original.backup(copy)


@contextlib.contextmanager
def _opened(source: Path, *, only_read: bool) -> Iterator[Any]:
    if only_read:
        with looking(make_resting_engine(f"sqlite:///{source}"), source) as connection:
            yield connection.connection.driver_connection
    else:
        with contextlib.closing(sqlite_module().connect(str(source))) as original:
            yield original


def driver_errors() -> tuple[type[Exception], ...]:
    """What the SQLite driver raises."""
    return (sqlite3.Error, sqlite_module().Error)


def synced(file: Path) -> None:
    """Have a file on the disk."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
