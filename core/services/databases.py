"""The database as a whole: backed up, put back, copied to another engine. Nobody else works meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sqlalchemy import delete, select
from sqlmodel import Session

from core import clock
from core.db.backup import backup_sqlite, refuse_taken
from core.db.bulk import table_of
from core.db.doors import Database
from core.db.restore import put_in_place, staged
from core.db.server import without_password
from core.db.transfer import Transferred, transfer
from core.environment import Environment
from core.errors import CannotWrite, Misuse, StoreBusy, StoreError
from core.handles import Handles
from core.models import WORKER_ALIVE_FOR, Worker
from core.outbox.restored import hold_what_was_restored
from core.services import access, audit
from core.services.actor import Actor
from core.services.keys import noted_key


@dataclass(frozen=True)
class Restored:
    """What came of putting a backup back."""

    kept: Path | None
    """Where the database is that was there before; none was."""
    held: int
    """Outgoing messages that were waiting in the backup, and are held: they may have been sent since it was made."""


@dataclass(frozen=True)
class BackedUp:
    """What came of making a backup."""

    key_id: str
    """Of the key that its secrets need."""
    unnoted: str
    """Why the audit log could not be told, if it could not: its disk may be what the backup is made for."""


def back_up(handles: Handles, actor: Actor, target: Path) -> BackedUp:
    """Copy the live database into a new file.

    Raises:
        Misuse: it is PostgreSQL; the sentence holds the command for that.
        CannotWrite: the file is there already, or cannot be written.
    """
    access.require(actor, "back up", "database")
    environment = handles.environment
    if not environment.is_sqlite:
        url = _shown(environment)
        raise Misuse(
            f"A PostgreSQL database is backed up with: pg_dump --format=custom --file={quote(str(target))} {url}"
        )
    refuse_taken(target)
    if not target.parent.is_dir():
        raise CannotWrite(f"{target} cannot be written: there is no folder {target.parent}.")
    backup_sqlite(environment, target, only_read=bool(handles.database.only_read))
    try:
        _note(handles, actor, "back up", str(target))
    except StoreError as error:
        return BackedUp(noted_key(handles), str(error))
    return BackedUp(noted_key(handles), "")


def put_back(environment: Environment, actor: Actor, file: Path) -> Restored:
    """Put a backup in the place of the SQLite database, which is kept beside it.

    All is checked before anything is touched. What was waiting to be sent in the backup is held.

    Raises:
        Misuse: it is PostgreSQL; the sentence holds the command for that.
        StoreBusy: workers are alive, or somebody has the database open.
        BadInput: the file is no sound backup.
    """
    access.require(actor, "restore", "database")
    if not environment.is_sqlite:
        raise Misuse(
            "A PostgreSQL database is put back with the workers stopped, and the setting hold_all switched on before "
            "they start again (what waited may have been sent since), by: pg_restore --clean --if-exists "
            f"--single-transaction --dbname={_shown(environment)} {quote(str(file))}"
        )
    staging = staged(environment, file)
    held = _prepared(staging, actor, file)
    live = environment.database_file
    now = clock.utcnow()
    kept = live.with_name(f"{live.name}.before-{now:%Y%m%d-%H%M%S}")
    was_there = live.exists()
    put_in_place(environment, staging, kept)
    return Restored(kept if was_there else None, held)


def copy_to(
    handles: Handles, actor: Actor, url: str, told: Callable[[str, int], None] = lambda _table, _rows: None
) -> Transferred:
    """Copy everything into an empty database of either engine.

    Raises:
        StoreBusy: workers are alive: what they write meanwhile would be missing from the copy.
        BadInput: the target is not empty.
    """
    access.require(actor, "copy", "database")
    refuse_workers(handles.database, "copied")
    copied = transfer(handles.environment.database_url, url, told)
    _note(handles, actor, "copy", without_password(url))
    return copied


def refuse_workers(database: Database, done: str) -> None:
    """Refuse while any worker is alive.

    Raises:
        StoreBusy: the sentence names them.
    """
    worker = table_of(Worker)
    alive = select(worker.c.host, worker.c.pid).where(worker.c.heartbeat_at > clock.utcnow() - WORKER_ALIVE_FOR)
    with database.reading() as session:
        found = [f"{row.host} (process {row.pid})" for row in session.connection().execute(alive)]
    if found:
        raise StoreBusy(
            f"The database was not {done}: workers are alive on {', '.join(found)}. Stop them first; one that was "
            f"killed counts for {WORKER_ALIVE_FOR.seconds} seconds more."
        )


def _prepared(staging: Path, actor: Actor, file: Path) -> int:
    def prepare(session: Session) -> int:
        session.connection().execute(delete(table_of(Worker)))  # those of then
        held = hold_what_was_restored(session)
        audit.note(session, actor, "restore", "database", str(file), after={"held": held})
        return held

    database = Database(f"sqlite:///{staging}")
    try:
        return database.writing(prepare)
    finally:
        database.close()


def _note(handles: Handles, actor: Actor, verb: str, name: str) -> None:
    line = handles.database.writing(lambda session: audit.note(session, actor, verb, "database", name))
    audit.publish(line)


def _shown(environment: Environment) -> str:
    return quote(without_password(environment.database_url))
