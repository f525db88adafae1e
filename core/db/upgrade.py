"""Migrating an existing database; only `postroom db upgrade` does it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from core.db.engine import make_engine, sqlite_module
from core.environment import Environment
from core.errors import NoInput


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


def backup_sqlite(environment: Environment, target: Path) -> Path:
    """Copy the live database through SQLite's backup API; a copied file without its log would be torn.

    Raises:
        NoInput: there is no database yet.
    """
    if not environment.database_file.exists():
        raise NoInput(f"There is no database at {environment.database_file}.")
    driver = sqlite_module()
    target.unlink(missing_ok=True)
    source, copy = driver.connect(str(environment.database_file)), driver.connect(str(target))
    try:
        source.backup(copy)
        target.chmod(0o600)
    finally:
        source.close()
        copy.close()
    return target


def _is_file(environment: Environment) -> bool:
    return environment.is_sqlite and environment.database_file.exists()


def integrity_of(connection: Connection) -> str:
    """SQLite's own word on the file: `ok`, or what is broken."""
    return str(connection.execute(text("PRAGMA quick_check")).scalar_one())
