"""Records: what people change by hand on a ticket, grievance or change request."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.errors import BadInput, ConfigurationError, Problem
from core.handles import Handles
from core.inbound import record_types
from core.inbound.record_types.draft import PENDING_FOR
from core.models import Audit, Record
from core.resources.incoming import RECORD
from core.resources.routing import QUEUE
from core.services import access, audit
from core.services.actor import Actor
from core.services.lookup import as_id, living, not_found
from core.settings import RuntimeSettings
from core.text import clean

TEXTS = ("title", "owner", "responsible", "customer")
"""Fields that take any text (an owner one of the list, when there is a list)."""

FIELDS = (*TEXTS, "queue", "state", "priority", "lock", "type", "pending_until")
"""What can be set; beside these the dynamic fields that the settings name, and those of the record types."""

_record = table_of(Record)


def change(handles: Handles, actor: Actor, number: str, given: Mapping[str, Any]) -> bool:
    """Set fields of the record of that number or id; false if nothing was different.

    Raises:
        NotFound: there is no such record.
        BadInput: all that is wrong with the values; nothing was changed.
    """
    access.require(actor, "change", "record")
    settings = handles.settings()
    complaints = {name: text for name, value in given.items() if (text := _complaint(settings, name, value))}
    if complaints:
        raise BadInput(problems=tuple(Problem(f"record {number}", *complaint) for complaint in complaints.items()))

    def work(session: Session) -> Audit | None:
        row = _row(session, number)
        _refuse_foreign(settings, row, given)
        columns = _columns(session, settings, row, given)
        was, now = audit.differences(row, columns)
        if not now:
            return None
        values = {**columns, "updated_at": clock.utcnow()}
        session.connection().execute(update(_record).where(_record.c.id == row["id"]).values(**values))
        return audit.note(session, actor, "change", "record", row["number"], before=was, after=now)

    line = handles.database.writing(work)
    if line is not None:
        audit.publish(line)
        handles.changes.moved("record")
    return line is not None


def _row(session: Session, number: str) -> dict[str, Any]:
    for wanted in (_record.c.number == number, _record.c.id == as_id(number)):
        row = session.connection().execute(select(_record).where(wanted).with_for_update()).mappings().first()
        if row is not None:
            return dict(row)
    raise not_found(session, RECORD, number)


def _columns(
    session: Session, settings: RuntimeSettings, row: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    columns: dict[str, Any] = {name: clean(str(given[name])) for name in given if name in FIELDS}
    if "queue" in given:
        queue = living(session, QUEUE, columns.pop("queue"))
        if queue is None:
            raise BadInput(
                problems=(Problem(f"record {row['number']}", "queue", f"there is no queue {given['queue']!r}."),)
            )
        columns["queue_id"] = queue["id"]
    if "pending_until" in given:
        columns["pending_until"] = _time(given["pending_until"])
    if dynamic := {name: clean(str(given[name])) for name in given if name in _further_fields(settings)}:
        columns["fields"] = {**row["fields"], **dynamic}
    return columns | _pending(row, columns)


def _pending(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """A pending state always has an end, and wakes anew when state or end are set; other states have none."""
    if not columns.keys() & {"state", "pending_until"}:
        return {}
    if not columns.get("state", row["state"]).lower().startswith("pending"):
        return {"pending_until": columns.get("pending_until"), "woken_at": None}
    until = columns.get("pending_until") or (row["pending_until"] if row["woken_at"] is None else None)
    return {"pending_until": until or clock.utcnow() + PENDING_FOR, "woken_at": None}


def _refuse_foreign(settings: RuntimeSettings, row: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """A field of another type would stand there unseen.

    Raises:
        BadInput: with all of them.
    """
    name = str(given.get("type", row["type"]))
    try:
        own = {rule.name for rule in record_types.fields_of(record_types.get(name))}
    except ConfigurationError:
        return  # its package is gone: what it knew cannot be told
    known = own.union(FIELDS, settings.dynamic_fields, row["fields"])
    has = f" It has {', '.join(sorted(own))}." if own else ""
    text = f"is no field of a {name}, which this record is.{has}"
    if foreign := [one for one in given if one not in known]:
        raise BadInput(problems=tuple(Problem(f"record {row['number']}", one, text) for one in foreign))


def _further_fields(settings: RuntimeSettings) -> list[str]:
    return [*settings.dynamic_fields, *record_types.field_names()]


def _complaint(settings: RuntimeSettings, name: str, value: Any) -> str | None:
    if name in _further_fields(settings):
        return None
    if name not in FIELDS:
        near = difflib.get_close_matches(name, [*FIELDS, *_further_fields(settings)], n=1)
        return f"is no field of a record that can be set.{f' Did you mean {near[0]}?' if near else ''}"
    if name == "pending_until":
        return None if value in ("", None) or _time(value) else "is a time, 2026-12-24T18:00Z."
    choices = {
        "state": settings.states,
        "priority": settings.priorities,
        "lock": ["lock", "unlock"],
        "owner": settings.owners,
        "responsible": settings.owners,
        "type": record_types.names(),
    }.get(name)
    if not choices or value in choices or (value == "" and name in TEXTS):
        return None
    return f"is one of {', '.join(choices)}; {value!r} is not."


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
