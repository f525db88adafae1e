"""Putting a backup of an SQLite database back: checked first, brought to this version, the live one kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, inspect

from core.data_folder import belong_as, sync_folder
from core.db.backup import copied, driver_errors, synced
from core.db.engine import journal_mode, sqlite_module
from core.db.schema import PAGE_SIZE, refuse_newer
from core.db.upgrade import alembic_config
from core.environment import Environment
from core.errors import BadInput, CannotWrite, NoInput, StoreBusy


def staged(environment: Environment, file: Path) -> Path:
    """A checked copy of a backup beside the live database, brought to this version's revision.

    Raises:
        NoInput: there is no such file, or it is not for us to read.
        BadInput: it is no sound database of ours.
        SchemaMismatch: it was made by a newer version.
        CannotWrite: there is no room for the copy.
    """
    _refuse_foreign(file)
    staging = environment.database_file.with_name(f".{environment.database_file.name}.restoring")
    try:
        staging.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copied(file, staging)
        _refuse_broken(staging, file)
        _bring_up_to_date(staging, file)
    except BaseException as error:
        staging.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CannotWrite(f"The backup cannot be copied to {staging}: {error.strerror}.") from error
        raise
    return staging


def put_in_place(environment: Environment, staging: Path, kept: Path) -> None:
    """Put a staged database in the live one's place, which is kept beside it whole.

    Raises:
        StoreBusy: somebody has the live one open; nothing was changed.
        CannotWrite: the folder cannot be written.
    """
    live = environment.database_file
    try:
        with contextlib.ExitStack() as held:
            if live.exists():
                held.enter_context(_alone(live))
                belong_as(staging, live.stat())
                synced(staging)
            # What a damaged one could not fold in belongs to it, also when the file itself was taken away by hand.
            for end in ("", "-wal", "-shm", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    live.with_name(live.name + end).rename(kept.with_name(kept.name + end))
            staging.rename(live)
            sync_folder(live.parent)
    except OSError as error:
        raise CannotWrite(f"The database {live} cannot be replaced: {error.strerror}.") from error
    finally:
        staging.unlink(missing_ok=True)


def _refuse_foreign(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            beginning = opened.read(16)
    except FileNotFoundError as error:
        raise NoInput(f"There is no file {file}.") from error
    except OSError as error:
        raise NoInput(f"The backup {file} cannot be read: {error.strerror}.") from error
    if beginning != b"SQLite format 3\0":
        raise BadInput(f"{file} is no SQLite database. A backup is made with: postroom db backup FILE")


def _refuse_broken(staging: Path, file: Path) -> None:
    try:
        with contextlib.closing(sqlite_module().connect(str(staging))) as connection:
            words = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)").fetchall()]
            strays = [] if words != ["ok"] else connection.execute("PRAGMA foreign_key_check").fetchall()
    except driver_errors() as error:
        raise BadInput(f"{file} is damaged ({error}) and was not restored. Take an older backup.") from error
    if words != ["ok"]:
        word = words[0].splitlines()[-1]
        raise BadInput(f"{file} is damaged ({word}) and was not restored. Take an older backup.")
    if strays:
        raise BadInput(
            f"{file} is not whole ({strays[0][0]} refers to what is not there) and was not restored. Take an older "
            "backup."
        )


def _bring_up_to_date(staging: Path, file: Path) -> None:
    engine = create_engine(f"sqlite:///{staging}", module=sqlite_module())
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                raise BadInput(f"{file} is no database of Postroom.")
            revision = str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
            refuse_newer(str(file), revision)
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
        with engine.connect() as connection:
            if connection.exec_driver_sql("PRAGMA page_size").scalar() != PAGE_SIZE:
                connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
                connection.exec_driver_sql(f"PRAGMA page_size={PAGE_SIZE}")
                connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql(f"PRAGMA journal_mode={journal_mode()}")
    finally:
        engine.dispose()


@contextlib.contextmanager
def _alone(live: Path) -> Iterator[None]:
    """Hold the live database, its log folded into it, with nobody else's hand on it."""
    connection = sqlite_module().connect(str(live), isolation_level=None, timeout=0)
    try:
        try:
            # Leaving WAL needs that nobody else has the file open, be it only to read.
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
        except driver_errors() as error:
            if "locked" in str(error) or "busy" in str(error):
                raise StoreBusy(
                    f"The database {live} is in use. Stop the workers, close the consoles, then try again; nothing was "
                    "changed."
                ) from error
            # Damaged: what is wrong with it is why it is replaced.
        yield
    finally:
        connection.close()
