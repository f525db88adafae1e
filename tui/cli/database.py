"""`postroom db upgrade` and `db backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Context

from core.db.schema import REVISION
from core.db.upgrade import backup_sqlite, upgrade
from core.errors import CannotWrite, Misuse
from tui.cli.commands import group
from tui.cli.options import Invocation
from tui.cli.output import say

DATABASE = group("The database.")


@DATABASE.command("upgrade")
def upgrade_(ctx: Context) -> None:
    """Migrate the database to this version; stop the workers first. SQLite's file is copied before."""
    invocation: Invocation = ctx.obj
    copy = upgrade(invocation.environment)
    say(invocation, f"The database is at revision {REVISION}.{f' As it was before: {copy}' if copy else ''}")


@DATABASE.command("backup")
def backup(ctx: Context, file: Annotated[str, Argument(metavar="FILE")]) -> None:
    """Copy the live database into a file."""
    invocation: Invocation = ctx.obj
    if not invocation.environment.is_sqlite:
        raise Misuse("A PostgreSQL database is backed up with pg_dump.")
    target = Path(file)
    if target.exists():
        raise CannotWrite(f"{file} is there already and was left as it is.")
    if not target.parent.is_dir():
        raise CannotWrite(f"{file} cannot be written: there is no folder {target.parent}.")
    backup_sqlite(invocation.environment, target)
    say(invocation, f"Copied to {file}. The key is not in it: keep that elsewhere.")
