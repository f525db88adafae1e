"""Making the database at first use, and seeing that it fits this version."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from core.data_folder import belong_to_folder, make_home, opened_file, out_of_reach, sync_folder
from core.db.audit_guard import guard_audit
from core.db.doors import Database
from core.db.engine import journal_mode, make_engine, sqlite_module
from core.db.faults import translated
from core.db.file_system import network_type_of
from core.db.place import logs_of, refuse_other_databases
from core.environment import Environment
from core.errors import (
    CannotWrite,
    ConfigurationError,
    ExposedFile,
    NotPermitted,
    SchemaMismatch,
    StoreBusy,
    StoreError,
)
from core.models import metadata
from core.models.base import conditions_for

REVISION = "0003"
"""The newest migration; a database of another revision is not touched (a test holds this against the files)."""

_REMEDY = "Run this as the service's user or in its group, or set POSTROOM_DATABASE_URL."

ADVISORY_LOCK = 7_055_700
"""Who makes tables or changes them holds it, on PostgreSQL."""

_NO_CONNECTION = "connection is bad: "
"""How the driver's word begins where libpq did not even try: an undefined service, an `sslmode` that is none."""

PAGE_SIZE = 16384
"""Bytes of a page of SQLite's."""


def open_database(environment: Environment, *, anew: bool = False) -> Database:
    """The database, made first if there is none.

    Args:
        environment: where this Postroom lives.
        anew: whether an empty one may be made where there has been one.

    Raises:
        ExposedFile: the world can read it.
        NotPermitted: its file is not for us.
        SchemaMismatch: it is of another version.
        ConfigurationError: its URL names no database of ours.
        StoreError: it cannot be made or reached.
    """
    refuse_other_databases(environment.database_url)
    if environment.is_sqlite:
        _refuse_network(environment.database_file)
        make_sqlite(environment.database_file, anew=anew)
        _refuse_closed(environment.database_file)
        _refuse_exposed(environment.database_file)
        return _checked(Database(environment.database_url))
    database = Database(environment.database_url)
    if not _is_made(database):
        _make_postgres(environment.database_url)
    return _checked(database)


def revision_of(database: Database) -> str:
    """The revision the database is at; empty if it has none."""
    with database.reading() as session:
        connection = session.connection()
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _checked(database: Database) -> Database:
    revision = revision_of(database)
    if revision != REVISION:
        database.close()
        refuse_newer("The database", revision)
        raise SchemaMismatch(
            f"The database is of revision {revision or 'none'}, this version needs {REVISION}. Stop the workers, then "
            "run: postroom db upgrade"
        )
    return database


def refuse_migrated(database: Database, what: str) -> None:
    """See that the database still fits this program, which has had it open for a while.

    Args:
        database: an open one.
        what: who has it open, `this worker`.

    Raises:
        SchemaMismatch: it was migrated since.
    """
    revision = revision_of(database)
    if revision != REVISION:
        raise SchemaMismatch(f"The database was migrated to {revision} while {what} ran. Start it anew.")


def refuse_newer(what: str, revision: str) -> None:
    """Leave alone what another machine's newer version has upgraded: it cannot be gone back to this one.

    Raises:
        SchemaMismatch: it is of a later revision than ours.
    """
    if revision > REVISION:  # they are numbered
        raise SchemaMismatch(
            f"{what} is of revision {revision}, which a newer version made; this one knows {REVISION}. Install that "
            "version here."
        )


def make_sqlite(file: Path, *, anew: bool = False) -> None:
    """Make an SQLite database unless it is there; of many processes at once one builds.

    Raises:
        StoreError: it was there and was moved away.
        CannotWrite: its folder cannot be written.
        NotPermitted: its folder is closed to us.
    """
    try:
        if file.exists():
            return
    except PermissionError as error:
        raise out_of_reach(f"The database {file}", file, _REMEDY) from error
    _refuse_beside_log(file)
    make_home(file.parent)
    # Twenty processes may come at once to a home that does not exist yet: one builds, the others wait and find it.
    try:
        making = opened_file(file.parent / ".making", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        with os.fdopen(making, "a+") as lock:
            with contextlib.suppress(PermissionError):  # another user's, who is making it too
                belong_to_folder(file.parent / ".making")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                if not anew:
                    _refuse_lost(file, lock)
                _build_sqlite(file)
                lock.write(f"{file.name} was made\n")
    except OSError as error:
        raise CannotWrite(f"The database {file} cannot be made: {error.strerror}. {_REMEDY}") from error


def _refuse_lost(file: Path, made: TextIO) -> None:
    """An empty database in the place of one that was moved away would look as if all were well."""
    made.seek(0)
    if f"{file.name} was made\n" in made:
        raise StoreError(
            f"There is no database {file}, though one was made there. Put it back, or take a backup (postroom db "
            "restore FILE); if it is elsewhere, set POSTROOM_DATABASE_URL. To begin with an empty one: postroom init"
        )


def _refuse_beside_log(file: Path) -> None:
    """A log without its database: SQLite would read it into whatever is put there, and damage that."""
    for log in logs_of(file):
        if log.exists() and not file.exists():  # another process may have made it just now
            raise StoreError(
                f"The database {file} was moved away or removed, and {log.name}, with what was written last, was left. "
                "Put it back where it was, or take a backup: postroom db restore FILE"
            )


def _build_sqlite(file: Path) -> None:
    building = file.with_name(f".{file.name}.building")
    building.unlink(missing_ok=True)
    previous = os.umask(0o077)
    try:
        engine = create_engine(f"sqlite:///{building}", module=sqlite_module())
        with engine.connect() as connection:
            # In this order: a page size set after the first table, or after WAL, silently stays 4 kB.
            connection.exec_driver_sql(f"PRAGMA page_size={PAGE_SIZE}")
            # One transaction: the driver would make each statement durable by itself, more than 300 waits for the disk.
            connection.exec_driver_sql("BEGIN")
            create_all(connection)
            connection.commit()
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA journal_mode={journal_mode()}")
        engine.dispose()
        with building.open("rb") as built:
            os.fsync(built.fileno())
        belong_to_folder(building)
        building.rename(file)
        sync_folder(file.parent)
    except DBAPIError as error:
        raise translated(error) from error
    finally:
        os.umask(previous)


def _is_made(database: Database) -> bool:
    try:
        return revision_of(database) != ""
    except StoreError as error:
        reason = str(getattr(error.__cause__, "orig", error)).strip().splitlines()[0]
        if isinstance(error, StoreBusy):
            raise StoreBusy(f"The PostgreSQL server is out of reach ({reason}).") from error
        if reason.startswith(_NO_CONNECTION):
            raise ConfigurationError(
                f"The PostgreSQL server cannot be asked for: {reason.removeprefix(_NO_CONNECTION)}. Set "
                "POSTROOM_DATABASE_URL, or what libpq reads beside it, to rights."
            ) from error
        raise


_CLOSED_TO_US = ("42501", "3F000")
"""A missing right; no schema that is there or may be looked into (PostgreSQL A.)."""


def _make_postgres(url: str) -> None:
    engine = make_engine(url, query_only=False)
    try:
        with engine.begin() as connection:
            # Of many processes at once one builds, the others wait and find it.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            if not inspect(connection).has_table("alembic_version"):
                create_all(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") in _CLOSED_TO_US:
            raise NotPermitted(
                f"No tables can be made in this database: {str(error.orig).splitlines()[0]}. Make its login the owner "
                "(ALTER DATABASE … OWNER TO …); a schema of its search_path has to be there."
            ) from error
        raise translated(error) from error
    finally:
        engine.dispose()


def create_all(connection: Connection) -> None:
    """All tables, and what guards them, in an empty database."""
    conditions_for(connection.dialect.name)
    metadata.create_all(connection)
    guard_audit(connection)
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{REVISION}')")  # noqa: S608 - our own constant


def _refuse_closed(file: Path) -> None:
    if not os.access(file, os.R_OK | os.W_OK):
        raise NotPermitted(f"The database {file} cannot be read and written by this user. {_REMEDY}")


def _refuse_network(file: Path) -> None:
    # Locks over the net are promises, and the log's index is memory that only one machine shares (sqlite.org/wal.html).
    if kind := network_type_of(file.parent):
        raise CannotWrite(
            f"The database {file} lies on a network file system ({kind}), where SQLite gets damaged. Set POSTROOM_HOME "
            "to a folder on a disk of this machine, or POSTROOM_DATABASE_URL to a PostgreSQL database."
        )


def _refuse_exposed(file: Path) -> None:
    if file.stat().st_mode & stat.S_IRWXO:
        raise ExposedFile(f"The database {file} is open to every user of this machine. Run: chmod o= {file}")
