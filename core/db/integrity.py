"""Whether SQLite's file is sound, by SQLite's own word."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.db.faults import is_passing

_LOOK_EACH = 10_000
"""Steps of SQLite's between two questions whether to leave off: a few hundredths of a second."""


def damage_of(connection: Connection, is_over: Callable[[], bool] = lambda: False) -> str:
    """What is broken of the file and what to do, as a sentence; empty: it is sound.

    All of it is read, a gigabyte in a second or, from a slow disk, in ten; writers go on beside it where there is a
    write-ahead log. When `is_over` says so it is left off, and what is given says nothing.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.set_progress_handler(is_over, _LOOK_EACH)
    try:
        # One fault is enough; behind the first SQLite may find no way on, and raise instead of telling.
        word = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    except DBAPIError as error:
        if is_passing(error):
            raise
        word = str(error.orig)
    finally:
        driver.set_progress_handler(None, 0)
    if word == "ok":
        return ""
    return (
        f"The database is damaged ({word.splitlines()[-1]}). Stop all workers, throw no backup away, and put the "
        "newest one back that is sound: postroom db restore FILE"
    )
