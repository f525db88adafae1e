"""`postroom db upgrade`, `db backup`, `db restore`, `db copy` and `db roles`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from core.db.roles import PUBLIC, roles_sql
from core.db.schema import REVISION
from core.db.upgrade import upgrade
from core.environment import Environment
from core.errors import NotPermitted, PostroomError, SchemaMismatch, StoreBusy, StoreError
from core.handles import Handles
from core.services import databases
from core.services.actor import Actor, Role
from core.system_users import this_user
from core.text import counted
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.told.output import say, say_failure, write_json, write_line
from tui.cli.words.options import Invocation

DATABASE = group("The database.")


@DATABASE.command("upgrade")
def upgrade_(ctx: Context) -> None:
    """Migrate the database to this version; stop the workers first. SQLite's file is copied before."""
    invocation: Invocation = ctx.obj
    if invocation.environment.is_sqlite:
        _owner(invocation.environment)  # roles cannot be read from a database of another version
    copy = upgrade(invocation.environment)
    say(invocation, f"The database is at revision {REVISION}.{f' As it was before: {copy}' if copy else ''}")


@DATABASE.command("backup")
def backup(ctx: Context, file: Annotated[str, Argument(metavar="FILE")]) -> None:
    """Copy the live database into a new file, while all goes on; for SQLite."""
    invocation: Invocation = ctx.obj
    with opened(invocation) as (handles, actor):
        done = databases.back_up(handles, actor, Path(file))
        place = handles.vault.place.name
    if invocation.json:
        write_json({"event": "backed up", "file": file, "key": done.key_id})
    else:
        say(invocation, f"Copied to {file}. The key that opens its secrets is not in it: keep {done.key_id} ({place}) "
                        "too, elsewhere.")  # fmt: skip
    if done.unnoted:
        say_failure(f"Warning: The backup is whole, but the audit log could not be told of it: {done.unnoted}")


@DATABASE.command("restore")
def restore(ctx: Context, file: Annotated[str, Argument(metavar="FILE")]) -> None:
    """Put a backup in the place of the database, which is kept; stop the workers and close the consoles first."""
    invocation: Invocation = ctx.obj
    with _one_who_may_restore(invocation) as actor:
        restored = databases.put_back(invocation.environment, actor, Path(file))
    if invocation.json:
        write_json({"event": "restored", "file": file, "kept": str(restored.kept or ""), "held": restored.held})
        return
    write_line(f"{file} is the database now.{f' The one before is {restored.kept}.' if restored.kept else ''}")
    if restored.held:
        say(
            invocation,
            f"Held: {counted(restored.held, 'message')} that waited when this backup was made and may have been sent "
            "since. To see and decide: postroom list outbox state:held, then postroom outbox release or cancel.",
        )
    with opened(invocation) as (handles, _):
        problem = _key_problem(handles)
    if problem:
        say(invocation, problem)


@DATABASE.command("copy")
def copy(ctx: Context, url: Annotated[str, Argument(metavar="URL")]) -> None:
    """Copy everything into an empty database: postgresql://… or sqlite:///PATH; stop the workers first."""
    invocation: Invocation = ctx.obj
    if re.search("//[^/@]*:[^/@]+@", url):
        say(invocation, "Warning: a password in the URL stands in the list of processes. Keep it in ~/.pgpass instead.")
    with opened(invocation) as (handles, actor):
        copied = databases.copy_to(handles, actor, url, lambda table, rows: _tell(invocation, table, rows))
    if invocation.json:
        write_json({"event": "copied", "rows": copied.total, "tables": copied.rows})
    else:
        write_line(f"Copied {counted(copied.total, 'row')} of {counted(len(copied.rows), 'table')}.")
        say(invocation, "To use it: set POSTROOM_DATABASE_URL. The key stays the same.")


@DATABASE.command("roles")
def roles(
    schema: Annotated[
        str, Option(metavar="NAME", help="Where the tables are, if search_path leads elsewhere.")
    ] = PUBLIC,
) -> None:
    """Print the SQL that makes the roles PostgreSQL's own: `postroom db roles | psql DATABASE`."""
    sys.stdout.write(roles_sql(schema))


def _tell(invocation: Invocation, table: str, rows: int) -> None:
    if rows and not invocation.json:
        say(invocation, f"{table}: {rows}")


@contextmanager
def _one_who_may_restore(invocation: Invocation) -> Iterator[Actor]:
    """Who asks, by the roles of the live database; where that cannot be opened, the owner of the data folder."""
    environment = invocation.environment
    if environment.is_sqlite and not environment.database_file.exists():
        yield _owner(environment)
        return
    try:
        with opened(invocation) as (handles, actor):
            databases.refuse_workers(handles.database, "replaced")
    except StoreBusy:
        raise
    except (StoreError, SchemaMismatch):
        actor = _owner(environment)  # damaged, or of another version: that is why it is replaced
    yield actor


def _owner(environment: Environment) -> Actor:
    folder = environment.home if environment.home.exists() else environment.home.parent
    if os.geteuid() not in {0, folder.stat().st_uid if folder.exists() else os.geteuid()}:
        raise NotPermitted(f"The data folder {folder} is another user's; only that user or root may do this.")
    return Actor(this_user(), os.uname().nodename, Role.SUPER_SECURITY_ADMIN)


def _key_problem(handles: Handles) -> str:
    try:
        with handles.database.reading() as session:
            return handles.vault.needed(session)
    except PostroomError as error:
        return str(error)
