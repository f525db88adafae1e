"""Engines for the two doors: SQLite through pysqlite3 where it is to be had, PostgreSQL by `server.py`."""

from __future__ import annotations

import json
import sqlite3
from types import ModuleType
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from core.db.server import server_engine

WRITING_CACHE, READING_CACHE = 8_000, 4_000
"""KiB of pages that a connection to SQLite keeps. A worker has ten that read, and the system keeps pages as well."""

# The WAL-reset corruption bug is mended from here on (sqlite.org/wal.html, "walresetbug").
WAL_SAFE_SINCE = (3, 51, 3)


def sqlite_module() -> ModuleType:
    """The SQLite driver: pysqlite3's newer library, else the interpreter's own."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2  # type: ignore[no-any-return]


def sqlite_version() -> tuple[int, int, int]:
    """The version of the SQLite library in use."""
    major, minor, patch = sqlite_module().sqlite_version_info
    return major, minor, patch


def journal_mode() -> str:
    """WAL where the library is safe with several processes, else the rollback journal."""
    return "WAL" if sqlite_version() >= WAL_SAFE_SINCE else "DELETE"


class Dumped(str):
    """JSON that is written already: what is the same in thousands of rows is not put together anew for each."""

    __slots__ = ()


def _dump_json(value: Any) -> str:
    if type(value) is Dumped:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def make_engine(url: str, *, query_only: bool) -> Engine:
    """An engine whose transactions are begun by the doors, not by the driver.

    Args:
        url: `sqlite:///…`, whose file is there, or `postgresql://…`.
        query_only: whether its connections refuse to write.
    """
    if url.startswith("sqlite"):
        return _sqlite_engine(url, query_only=query_only)
    return server_engine(
        url, query_only=query_only, pool_pre_ping=True, pool_size=8, max_overflow=64, json_serializer=_dump_json
    )


def make_resting_engine(url: str) -> Engine:
    """An engine for `core.db.at_rest`: it takes SQLite's file for one that nobody changes, each time anew."""
    return _prepared(_sqlite_place(url, mode="ro", immutable="1"), query_only=True, poolclass=NullPool)


def _sqlite_engine(url: str, *, query_only: bool) -> Engine:
    # Without a mode, SQLite would put an empty file where a database was moved away: it would seem to be back.
    place = _sqlite_place(url, mode="rw")
    return _prepared(place, query_only=query_only, poolclass=QueuePool, pool_size=8, max_overflow=64)


def _sqlite_place(url: str, **how: str) -> URL:
    return URL.create("sqlite", database=f"file:{quote(url.removeprefix('sqlite:///'))}", query={**how, "uri": "true"})


def _prepared(place: URL, *, query_only: bool, **pool: Any) -> Engine:
    engine = create_engine(
        place,
        module=sqlite_module(),
        json_serializer=_dump_json,
        # The doors say BEGIN; waiting for a lock is theirs too (SQLite's own handler starves small writers).
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 0},
        **pool,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "foreign_keys=ON",
            "synchronous=FULL",
            "busy_timeout=0",
            "wal_autocheckpoint=4000",
            f"cache_size=-{READING_CACHE if query_only else WRITING_CACHE}",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
