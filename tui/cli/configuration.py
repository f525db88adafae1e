"""`postroom config import`, `export` and `diff`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import CannotWrite, NoInput
from core.services import config_text
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.output import say, write_json

CONFIG = group("Configuration as text (TOML).")

_FILE = Annotated[str, Argument(metavar="FILE", help="A TOML file; - for stdin.")]


@CONFIG.command("import")
def import_(
    ctx: Context,
    file: _FILE,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Take a file in: all of it or nothing. What it does not mention stays as it is."""
    text = _read(file)
    with opened(ctx.obj) as (handles, actor):
        changes = config_text.import_text(handles, actor, text, file, dry_run=dry_run)
    for change in changes:
        _tell(ctx, change)
    say(ctx.obj, f"{len(changes)} to change; nothing was changed." if dry_run else f"{len(changes)} changed.")


@CONFIG.command("export")
def export(ctx: Context, file: Annotated[str, Argument(metavar="[FILE]")] = "-") -> None:
    """Write the configuration as TOML, without secrets."""
    with opened(ctx.obj) as (handles, actor):
        text = config_text.export_text(handles, actor)
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}.") from error
    say(ctx.obj, f"Written to {file}.")


@CONFIG.command("diff")
def diff(ctx: Context, file: _FILE) -> int:
    """Show what importing a file would change. Exit code 1 if anything would."""
    text = _read(file)
    with opened(ctx.obj) as (handles, actor):
        changes = config_text.diff(handles, actor, text, file)
    for change in changes:
        _tell(ctx, change)
    return 1 if changes else 0


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise NoInput(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise NoInput(f"{file} cannot be read: it is not UTF-8.") from error


def _tell(ctx: Context, change: object) -> None:
    if ctx.obj.json:
        write_json({"event": "change", "text": str(change)})
    else:
        sys.stdout.write(f"{change}\n")
