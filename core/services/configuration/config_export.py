"""Configuration as text: export. Secrets never leave; a comment says where one is set."""

from __future__ import annotations

from typing import Any

import tomlkit
from sqlalchemy import select
from sqlmodel import Session
from tomlkit.items import Item, Table

from core.db.alike import by_code_point
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Secret as StoredSecret
from core.resources.catalogue import CONFIGURED
from core.resources.kind import Field, Kind
from core.resources.values import write_value
from core.services import access, settings
from core.services.actor import Actor
from core.services.editing.drafts import default_of, values_of
from core.services.lookup import Stored
from core.services.setting_values import DEFAULTS, LISTENER_PASSWORD


def export_text(handles: Handles, actor: Actor) -> str:
    """The whole configuration as TOML: what differs from its default, and every entry."""
    access.require(actor, "export", "configuration")
    document = tomlkit.document()
    with handles.database.reading() as session:
        _put_settings(session, document)
        for kind in CONFIGURED:
            entries = tomlkit.aot()
            for row in _rows(session, kind):
                entries.append(_entry(session, kind, row))
            if entries:
                document.append(kind.name, entries)
    return tomlkit.dumps(document)


def _put_settings(session: Session, document: tomlkit.TOMLDocument) -> None:
    stored = settings.stored(session)
    table = tomlkit.table()
    sections: dict[str, Table] = {}
    for name in DEFAULTS:
        if name not in stored:
            continue
        section, dot, key = name.partition(".")
        if dot:
            sections.setdefault(section, tomlkit.table()).add(key, _item(stored[name]))
        else:
            table.add(section, _item(stored[name]))
    _put_secret(session, sections.setdefault("listener", tomlkit.table()), "setting", 0, LISTENER_PASSWORD)
    for section, content in sections.items():
        if content.value.body:
            table.add(section, content)
    if table.value.body:
        document.append("settings", table)


def _entry(session: Session, kind: Kind, row: Stored) -> Table:
    table, values = tomlkit.table(), values_of(session, kind, row)
    for field in kind.fields:
        if field.is_secret:
            _put_secret(session, table, kind.name, row["id"], field.name)
        elif _differs(field, values[field.name]):
            table.add(field.name, _item(write_value(field, values[field.name])))
    return table


def _differs(field: Field, value: Any) -> bool:
    return field.is_required or value != default_of(field)


def _put_secret(session: Session, table: Table, kind: str, owner_id: int, field: str) -> None:
    row = session.get(StoredSecret, (kind, owner_id, field))
    key = field.rpartition(".")[2]
    if row is None:
        return
    if row.ref:
        reference = tomlkit.inline_table()
        reference.append("ref", row.ref)
        table.add(key, reference)
    else:
        table.add(tomlkit.comment(f"{key}: is set, and not exported"))


def _item(value: Any) -> Item:
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        for name, one in value.items():
            inline.append(name, _item(one))
        return inline
    if isinstance(value, list):
        array = tomlkit.array()
        for one in value:
            array.append(_item(one))
        array.multiline(len(value) > 1 and isinstance(value[0], dict))
        return array
    item: Item = tomlkit.item(value)
    return item


def _rows(session: Session, kind: Kind) -> list[Stored]:
    table = table_of(kind.model)
    living = select(table).where(table.c.deleted_at.is_(None)).order_by(by_code_point(session, table.c[kind.key]))
    return [dict(row) for row in session.connection().execute(living).mappings()]
