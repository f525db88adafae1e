"""`postroom config import`, `export` and `diff`."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse
from core.resources.catalogue import kind_named
from core.resources.kind import Kind
from core.services.configuration.config_export import export_text
from core.services.configuration.config_text import Difference, Imported, import_text
from core.services.configuration.config_text import diff as differences_of
from core.services.connection_tests.tested import LOGINS
from tui.cli.commands import group
from tui.cli.opened import opened
from tui.cli.told.output import say, write_as_it_is, write_json, write_line
from tui.cli.told.untested import say_untested
from tui.cli.words.files import STDIN, read_bytes, read_text
from tui.cli.words.options import Invocation
from tui.private_file import write_private

CONFIG = group("Configuration as text (TOML).")

_FILE = Annotated[str, Argument(metavar="FILE", help="A TOML file; - for stdin.")]


@CONFIG.command("import")
def import_(
    ctx: Context,
    file: _FILE,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    legacy: Annotated[bool, Option("--legacy", help="The file holds an older gateway's SMTP settings.")] = False,
    name: Annotated[str, Option("--name", metavar="NAME", help="With --legacy: the mailbox's name.")] = "",
) -> None:
    """Take a file in: all of it or nothing. What it does not mention stays as it is.

    With --legacy it holds SMTP settings under JavaMail's property keys, or as key = value, and becomes a mailbox.
    """
    if legacy:
        _import_legacy(ctx.obj, file, name, dry_run=dry_run)
        return
    if name:
        raise Misuse("--name goes with --legacy alone.")
    text = read_text(file)
    with opened(ctx.obj) as (handles, actor):
        imported = import_text(handles, actor, text, file, dry_run=dry_run)
        _tell_imported(ctx.obj, imported)
        if not dry_run:
            say_untested(ctx.obj, handles, _connections(imported))
    _tell_sum(ctx.obj, imported, dry_run=dry_run)


@CONFIG.command("export")
def export(ctx: Context, file: Annotated[str, Argument(metavar="[FILE]")] = STDIN) -> None:
    """Write the configuration as TOML, without secrets; with --json an entry a line in place of it."""
    with opened(ctx.obj) as (handles, actor):
        text = export_text(handles, actor)
    if file != STDIN:
        write_private(Path(file), text.encode())
        say(ctx.obj, f"Written to {file}.")
    elif ctx.obj.json:
        for kind, entries in tomllib.loads(text).items():
            for entry in entries if isinstance(entries, list) else [entries]:
                write_json({"kind": kind, **entry})
    else:
        write_as_it_is(text.encode())


@CONFIG.command("diff")
def diff(ctx: Context, file: _FILE) -> None:
    """Show what importing a file would change."""
    text = read_text(file)
    with opened(ctx.obj) as (handles, actor):
        differences = differences_of(handles, actor, text, file)
    for difference in differences:
        _tell(difference, as_json=ctx.obj.json)
    if not differences:
        say(ctx.obj, "Nothing would change.")


def _import_legacy(invocation: Invocation, file: str, name: str, *, dry_run: bool) -> None:
    from core.services.legacy.migration import migrate
    from core.services.legacy.properties import LARGEST

    data = read_bytes(file, most=LARGEST + 1)
    with opened(invocation) as (handles, actor):
        migrated = migrate(handles, actor, data, file, name=name, dry_run=dry_run)
        _tell_imported(invocation, migrated.imported)
        for note in migrated.notes:
            if invocation.json:
                write_json({"event": "note", "key": note.key, "line": note.line, "text": note.text})
            say(invocation, f"{note}")
        if not dry_run:
            say_untested(invocation, handles, _connections(migrated.imported))
    _tell_sum(invocation, migrated.imported, dry_run=dry_run)


def _tell_sum(invocation: Invocation, imported: Imported, *, dry_run: bool) -> None:
    added = sum(1 for one in imported.differences if one.verb == "add")
    changed = len(imported.differences) - added
    nothing_was, would_be = ("Nothing was changed: ", " would be") if dry_run else ("", "")
    told = f"{added}{would_be} added, {changed} changed, {imported.unchanged} stand there already."
    say(invocation, nothing_was + told)


def _tell_imported(invocation: Invocation, imported: Imported) -> None:
    for difference in imported.differences:
        _tell(difference, as_json=invocation.json)
    for warning in imported.warnings:
        say(invocation, f"Warning: {warning}")


def _connections(imported: Imported) -> list[tuple[Kind, str]]:
    return [(kind_named(one.kind), one.name) for one in imported.differences if one.kind in {"template", *LOGINS}]


def _tell(difference: Difference, *, as_json: bool) -> None:
    if as_json:
        write_json({"event": "difference", **asdict(difference)})
    else:
        write_line(str(difference))
