"""A PostgreSQL server: what its URL says, and connections to it that are the same whatever it is set to."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Engine, create_engine, event, make_url

from core.db.copied import understand_copies
from core.errors import ConfigurationError

logging.getLogger("psycopg").setLevel(logging.ERROR)  # a line for each pipeline that an error ended, beside the error

_DEFAULTS = {
    "connect_timeout": 10,
    # A host that lost its power says nothing more; by itself the system waits for it from fifteen minutes to two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "fallback_application_name": "postroom",
}
"""What the URL may say otherwise: the seconds for a connection to each host, until a silent one is given up (for what
was sent to it, in ms), and who is seen in `pg_stat_activity`."""

_MISREAD = (
    "The URL of the PostgreSQL database cannot be read. It is postgresql://USER:PASSWORD@HOST:PORT/NAME, with commas "
    "between several HOST:PORT; in a password % @ : / and ? are written %25 %40 %3A %2F and %3F, or it is left out and "
    "stands in ~/.pgpass."
)
"""What is wrong is not shown: it may be a part of the password."""

_BESIDE_BRACKETS = re.compile(r"\],|,\[")
"""An IPv6 address among several hosts: SQLAlchemy would take them for one, or leave out all that follows."""

# One question for all. Where times are told in another zone or style, what is written here would read otherwise. Behind
# a table that somebody rebuilds (VACUUM FULL), who waits longer could as well be dead; but what is set here stays with
# the server's process, which a pooler gives to others next. Translating a filter over a dozen columns into machine code
# (`jit`) takes half a second of a processor, and finding a page of rows with it a twentieth of that.
_GREETING = (
    "SELECT pg_backend_pid(), set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false), "
    "set_config('jit', 'off', false), "
    "CASE WHEN pg_backend_pid() = %s AND current_setting('lock_timeout') = '0' "
    "THEN set_config('lock_timeout', '30s', false) END"
)

# What is over two kilobytes the server packs while it is written, by itself with pglz: for mail that is three quarters
# of what writing costs it, and no more is saved than with lz4, which it has had since 14 where it was built with it.
_PACKING = (
    "SELECT set_config(name, 'lz4', false) FROM pg_settings "
    "WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)"
)


def server_engine(url: str, *, query_only: bool, **options: Any) -> Engine:
    """An engine for `postgresql://…`; `options` are those of SQLAlchemy.

    What an administrator may have set for server, database or role is settled here where Postroom relies on it: the
    isolation of transactions, in which a look after a lock must see what was written before it, encoding and times.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args={**_DEFAULTS, **server_of(url), "client_encoding": "utf8"},
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # nothing here is one; else each first connection asks what it would be
        execution_options={"postgresql_readonly": True} if query_only else {},
        **options,
    )
    event.listen(engine, "connect", _prepare)
    if not query_only:
        event.listen(engine, "connect", _pack_fast)
    understand_copies(engine)
    return engine


def server_of(url: str) -> dict[str, Any]:
    """What libpq is to connect with, as PostgreSQL's own programs read the URL ("Connection URIs" in its manual).

    Several hosts, a socket's folder as `%2Frun%2Fpostgresql`, and any of its parameters after the `?`.

    Raises:
        ConfigurationError: it is none, or names a parameter that libpq does not know.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    dialect: Any = PGDialect_psycopg
    try:
        found: dict[str, Any] = (
            _as_libpq(url) if _BESIDE_BRACKETS.search(url) else dialect().create_connect_args(make_url(url))[1]
        )
    except ValueError:  # several hosts, each with a port of its own
        found = _as_libpq(url)
    if "host" in found:
        found["host"] = unquote(found["host"])
    if "@" in found.get("host", "") or not re.fullmatch("[0-9,]*", str(found.get("port", ""))):
        raise ConfigurationError(_MISREAD)
    try:
        make_conninfo(**found)
    except ProgrammingError as error:
        raise ConfigurationError(f"The URL of the PostgreSQL database has an {str(error).strip()}.") from None
    return found


def _as_libpq(url: str) -> dict[str, Any]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return dict(conninfo_to_dict(url))
    except ProgrammingError:
        raise ConfigurationError(_MISREAD) from None


def place_of(url: str) -> str:
    """Which database of which server it is, whoever logs in, and however."""
    server = server_of(url)
    host, port, name = (server.get(key, "") for key in ("host", "port", "dbname"))
    return f"{host}:{port}/{name}"


def without_password(url: str) -> str:
    """The URL of a database as it may be shown."""
    shown = re.sub("^([^:]+://[^:/@]*):[^@]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", shown)


def _pack_fast(connection: Any, _: object) -> None:
    connection.autocommit = True
    connection.execute(_PACKING)
    connection.autocommit = False


def _prepare(connection: Any, _: object) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        connection.close()
        raise ConfigurationError(
            f"The database {name} is encoded in {encoding}, which has no place for most of what mail is written in. "
            "Make another one (createdb --encoding=UTF8 --template=template0 NAME); pg_dump and psql carry this one's "
            "content over."
        )
    connection.autocommit = True
    (process, *_others) = connection.execute(_GREETING, (connection.info.backend_pid,)).fetchone()
    connection.autocommit = False
    if process != connection.info.backend_pid:
        # Somebody stands between (PgBouncer, a cloud's proxy): the next transaction may be another server process's,
        # which knows nothing of statements that were prepared before.
        connection.prepare_threshold = None
