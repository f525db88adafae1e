"""Taking over an older gateway's SMTP settings: a mailbox, and the template it sends by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from core.errors import BadInput, Problem
from core.handles import Handles
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.resources.template import TEMPLATE
from core.services import access
from core.services.actor import Actor
from core.services.configuration.config_entries import Entry, Text
from core.services.configuration.config_text import Imported, import_entries
from core.services.editing.drafts import read_given, values_of
from core.services.legacy.given import Note
from core.services.legacy.javamail import understood
from core.services.legacy.properties import read_bytes, read_properties
from core.services.lookup import living
from core.services.references import users_of

MIGRATED = "Migrated from previous version"
"""The shipped template that waits for such settings."""


@dataclass(frozen=True)
class Migrated:
    """What became of a file."""

    mailbox: str
    template: str
    imported: Imported
    notes: tuple[Note, ...]


def migrate(
    handles: Handles, actor: Actor, data: bytes, file: str, *, name: str = "", dry_run: bool = False
) -> Migrated:
    """Make a mailbox of a file of settings, or change the one that an earlier run made; all of it or nothing.

    The server's settings go to the template `Migrated from previous version` while no other mailbox sends by it with
    others: what works already is never led to another server. Else to one of this mailbox's own.

    Args:
        handles: what this process holds open.
        actor: who migrates.
        data: the file's bytes.
        file: its name, for problems.
        name: what the mailbox is to be called; else its user name, else its server.
        dry_run: whether to tell what would change, and change nothing.

    Raises:
        BadInput: everything that is wrong with it.
    """
    access.require(actor, "import", "configuration")
    settings = understood(read_properties(read_bytes(data, file), file), file)
    if settings.problems:
        raise BadInput(problems=settings.problems)
    mailbox = name or str(settings.mailbox.get("username") or settings.template["smtp_host"])
    with handles.database.reading() as session:
        template = _template_for(session, mailbox, settings.template, file)
    values = {"name": mailbox, "template": template, **settings.mailbox}
    entries = [
        _entry(TEMPLATE, {"name": template, **settings.template}, file),
        _entry(MAILBOX, values, file),
    ]
    imported = import_entries(handles, actor, Text(file, entries=entries), dry_run=dry_run)
    return Migrated(mailbox, template, imported, settings.notes)


def _entry(kind: Kind, values: Mapping[str, Any], file: str) -> Entry:
    where = f'{file}: {kind.name} "{values["name"]}"'
    return Entry(kind, str(values["name"]), where, read_given(kind, values, where))


def _template_for(session: Session, mailbox: str, wanted: Mapping[str, Any], file: str) -> str:
    """The template that these settings go to."""
    present = living(session, MAILBOX, mailbox)
    if present is not None:
        before = values_of(session, MAILBOX, present)["template"]
        if not str(before).startswith(MIGRATED):
            text = f"there is a mailbox {mailbox!r} already, on the template {before!r}. Give another one: --name NAME"
            raise BadInput(problems=(Problem(file, "name", text),))
    return next(name for name in _names(mailbox) if _is_free(session, name, mailbox, wanted))


def _names(mailbox: str) -> Iterator[str]:
    yield MIGRATED
    yield f"{MIGRATED}: {mailbox}"
    number = 2
    while True:
        yield f"{MIGRATED}: {mailbox} {number}"
        number += 1


def _is_free(session: Session, name: str, mailbox: str, wanted: Mapping[str, Any]) -> bool:
    row = living(session, TEMPLATE, name)
    if row is None:
        return True
    others = {user for users in users_of(session, TEMPLATE, row["id"]).values() for user in users} - {mailbox}
    standing = values_of(session, TEMPLATE, row)
    return not others or all(standing[field] == value for field, value in wanted.items())
