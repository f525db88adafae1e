"""The names of what is configured, in a fifth of the time that opening Postroom takes: for a shell at each TAB.

What describes the tables takes half a second to import, so this goes by neither of the two doors. It only reads, waits
for nobody, and makes nothing: where there is no database, or another version of it, the driver says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

_KEYS = {
    "account": "name",
    "address": "address",
    "filter": "name",
    "handoff": "name",
    "mailbox": "name",
    "profile": "name",
    "queue": "name",
    "template": "name",
}
"""The kinds that have names, which are their tables too, with the column that holds them."""

FIRST_ADMIN = "system.first_admin"
"""The setting that names who ran `init`: an admin, whatever the others say."""

ROLES = ("roles.admins", "roles.operators", "roles.viewers")
"""The settings that give people a role."""

_MOST = 1000
_PATIENCE = 2  # seconds; libpq takes no less
_WAIT = 500  # ms for an answer; a table that is rebuilt gives none for as long as that takes


def names_of(url: str, kind: str, beginning: str) -> tuple[list[str], Mapping[str, Any]]:
    """The names of one kind that begin so, and the settings that say who may see them.

    Args:
        url: `sqlite:///…` or `postgresql://…`.
        kind: one that has names; of others there are none.
        beginning: in the same case.

    Raises:
        Exception: whatever the driver says when there is no database of this version, or it is out of reach.
    """
    connect, mark = (_sqlite, "?") if url.startswith("sqlite") else (_postgresql, "%s")
    with closing(connect(url)) as connection:
        return _names(connection, mark, kind, beginning), _settings(connection, mark)


def _sqlite(url: str) -> Any:
    try:
        from pysqlite3 import dbapi2 as driver
    except ImportError:
        import sqlite3 as driver
    # Not `ro`: whoever closes last would leave the write-ahead log behind.
    connection = driver.connect(f"file:{quote(url.removeprefix('sqlite:///'))}?mode=rw", uri=True, timeout=0.1)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _postgresql(url: str) -> Any:
    import psycopg

    connection = psycopg.connect(url, connect_timeout=_PATIENCE)
    connection.read_only = True  # not by `options`, which PgBouncer refuses
    connection.execute(f"SET LOCAL statement_timeout = {_WAIT}")
    return connection


def _names(connection: Any, mark: str, kind: str, beginning: str) -> list[str]:
    if kind not in _KEYS:
        return []
    key = _KEYS[kind]
    statement = (
        f'SELECT {key} FROM "{kind}" WHERE deleted_at IS NULL AND substr({key}, 1, {len(beginning)}) = {mark} '  # noqa: S608 - words of ours
        f"ORDER BY {key} LIMIT {_MOST}"
    )
    return [name for (name,) in _rows(connection, statement, [beginning])]


def _settings(connection: Any, mark: str) -> dict[str, Any]:
    names = (FIRST_ADMIN, *ROLES)
    marks = ", ".join(mark for _ in names)
    statement = f"SELECT name, CAST(value AS TEXT) FROM setting WHERE name IN ({marks})"  # noqa: S608 - marks alone
    return {name: json.loads(value) for name, value in _rows(connection, statement, names)}


def _rows(connection: Any, statement: str, values: Sequence[str]) -> list[Any]:
    return list(connection.execute(statement, values).fetchall())
