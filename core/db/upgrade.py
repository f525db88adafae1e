"""Migrating an existing database; only `postroom db upgrade` does it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.db.backup import backup_sqlite
from core.db.doors import WRITE_PATIENCE
from core.db.engine import make_engine
from core.db.faults import translated
from core.db.place import refuse_other_databases
from core.db.schema import ADVISORY_LOCK, REVISION, refuse_newer
from core.environment import Environment


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(environment: Environment) -> Path | None:
    """Migrate to the newest revision; on SQLite the file is copied first, and the copy's path is returned.

    Where nothing is to be done no copy is made: it would take the place of the one that can still be gone back to.

    Raises:
        SchemaMismatch: a newer version has upgraded it.
        StoreError: the database is out of reach, busy or full; nothing was changed.
    """
    refuse_other_databases(environment.database_url)
    engine = make_engine(environment.database_url, query_only=False)
    try:
        with engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision == REVISION:
                return None
            refuse_newer("The database", revision or "")
            connection.rollback()
            copy = None
            if _is_file(environment):
                copy = backup_sqlite(environment, environment.database_file.with_suffix(".before-upgrade"))
            if environment.is_sqlite:
                # All or nothing: the driver begins none by itself, and half an upgrade can neither go on nor be used.
                connection.exec_driver_sql(f"PRAGMA busy_timeout={WRITE_PATIENCE * 1000:.0f}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                # Of several at once one migrates. Behind a table that somebody else reads for long (pg_dump), all that
                # come after this would wait as well.
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WRITE_PATIENCE:.0f}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
            return copy
    except DBAPIError as error:
        raise translated(error) from error
    finally:
        engine.dispose()


def _is_file(environment: Environment) -> bool:
    return environment.is_sqlite and environment.database_file.exists()
