"""Writing a draft that was found right: the row, its secrets, what follows from it, a line in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.models import Audit
from core.resources.kind import FieldType, Kind
from core.services import audit
from core.services.actor import Actor
from core.services.editing.drafts import Draft
from core.services.editing.guards import Change, Guards
from core.services.references import ids_of
from core.services.sealing import SecretPlace, keep_secret
from core.vault.vault import Vault


@dataclass(frozen=True)
class Saved:
    """What became of a change."""

    id: int
    version: int
    is_changed: bool
    """False when everything stood there already: nothing was written."""
    warnings: tuple[str, ...] = ()
    """What was saved and yet is worth a word."""
    line: Audit | None = None
    """The line of the audit log, to be published after the commit."""


def write(session: Session, vault: Vault, actor: Actor, guards: Guards, draft: Draft) -> Saved:
    """Write a draft within a transaction; one that changes nothing leaves row and version as they are."""
    now = clock.utcnow()
    before = draft.before
    if draft.is_new:
        row_id, version = _insert(session, guards, draft, now), 1
    else:
        row_id, version = _row_id(draft), _version(draft)
    new_secrets = {
        name: value
        for name, value in draft.secrets.items()
        if keep_secret(session, vault, SecretPlace(draft.kind.name, row_id, name), value)
    }
    draft = _with_secrets(draft, new_secrets)
    was, after = audit.differences(before, draft.shown())
    warnings = tuple(guards.warn(session, draft))
    if not draft.is_new:
        if not after:
            return Saved(row_id, version, is_changed=False, warnings=warnings)
        version += 1
        _update(session, guards, draft, {"version": version, "updated_at": now})
    guards.written(Change(session, row_id, now), draft)
    verb = "add" if draft.is_new else "change"
    earlier = None if draft.is_new else was
    line = audit.note(session, actor, verb, draft.kind.name, draft.name, before=earlier, after=after)
    return Saved(row_id, version, is_changed=True, warnings=warnings, line=line)


def columns_of(session: Session, kind: Kind, draft: Draft) -> dict[str, Any]:
    """A draft's values by column."""
    plain = {
        field.column: draft.values[field.name]
        for field in kind.fields
        if not field.is_secret and field.type is not FieldType.REFERENCE
    }
    return {**plain, **ids_of(session, kind, draft.values)}


def _insert(session: Session, guards: Guards, draft: Draft, now: datetime) -> int:
    table = table_of(draft.kind.model)
    columns = {**columns_of(session, draft.kind, draft), **guards.columns(draft), "created_at": now, "updated_at": now}
    row_id: int = session.connection().execute(insert(table).values(**columns).returning(table.c.id)).scalar_one()
    return row_id


def _update(session: Session, guards: Guards, draft: Draft, stamps: dict[str, Any]) -> None:
    table = table_of(draft.kind.model)
    columns = {**columns_of(session, draft.kind, draft), **guards.columns(draft), **stamps}
    session.connection().execute(update(table).where(table.c.id == draft.row_id).values(**columns))


def _with_secrets(draft: Draft, secrets: dict[str, Any]) -> Draft:
    return replace(draft, secrets=secrets)


def _row_id(draft: Draft) -> int:
    return int(draft.row["id"]) if draft.row is not None else 0


def _version(draft: Draft) -> int:
    return int(draft.row["version"]) if draft.row is not None else 0
