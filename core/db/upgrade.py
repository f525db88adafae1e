"""Migrating an existing database; only `postroom db upgrade` does it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from core.db.backup import backup_sqlite
from core.db.engine import make_engine
from core.environment import Environment


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(environment: Environment) -> Path | None:
    """Migrate to the newest revision; on SQLite the file is copied first, and the copy's path is returned."""
    copy = (
        backup_sqlite(environment, environment.database_file.with_suffix(".before-upgrade"))
        if _is_file(environment)
        else None
    )
    engine = make_engine(environment.database_url, query_only=False)
    with engine.connect() as connection:
        command.upgrade(alembic_config(connection), "head")
        connection.commit()
    engine.dispose()
    return copy


def _is_file(environment: Environment) -> bool:
    return environment.is_sqlite and environment.database_file.exists()


def integrity_of(connection: Connection) -> str:
    """SQLite's own word on the file: `ok`, or what is broken."""
    return str(connection.execute(text("PRAGMA quick_check")).scalar_one())
