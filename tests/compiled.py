"""Statements compiled once for all databases of a test process.

SQLAlchemy keeps what it has compiled by engine, as a program has one. Thousands of tests open three engines each:
to compile the same statements for every one of them, and to sweep them up, took a third of the suite's time.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, Any] = LRUCache(5_000)


def compile_once() -> None:
    """From now on engines share what they compile, where they speak the same dialect and write JSON the same way."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        for name, value in (("__eq__", _is_equal), ("__hash__", _hash), ("engine_created", classmethod(_share))):
            setattr(dialect, name, value)


def _share(_dialect: type, engine: Engine) -> None:
    engine._compiled_cache = _COMPILED


def _is_equal(one: Any, other: object) -> bool:
    return type(one) is type(other) and one._json_serializer is other._json_serializer


def _hash(dialect: Any) -> int:
    return hash((type(dialect), dialect._json_serializer))
