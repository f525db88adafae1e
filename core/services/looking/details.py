"""One thing, whole: its row and what hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select
from sqlmodel import Session, SQLModel

from core.db.alike import is_text
from core.db.bulk import table_of
from core.errors import Misuse, NotFound
from core.handles import Handles
from core.models import Attempt, Message, OutgoingMessage, Record, Run, RunEvent
from core.resources.incoming import MESSAGE
from core.resources.json_rows import as_json, plain
from core.resources.kind import Kind
from core.resources.outbox import OUTBOX
from core.resources.system import SETTING
from core.resources.unknown import unknown
from core.services import access, settings
from core.services.actor import Actor
from core.services.configuration.catalogue import RESOURCES
from core.services.lists import recipients
from core.services.lists.search import seen_by
from core.services.lookup import as_id, not_found

MOST = 10_000
"""Lines of a run, messages of a record: more than this are for `list`."""


def show(handles: Handles, actor: Actor, kind: Kind, name: str | int) -> dict[str, Any]:
    """One row by name, number or id, as JSON gives it, with what hangs on it.

    Raises:
        NotFound: there is none.
    """
    access.require(actor, access.SEE, kind.name)
    if kind is SETTING:
        return _setting(handles, str(name))
    with handles.database.reading() as session:
        row = _row(session, actor, kind, name)
        shown = as_json(kind, row)
        if extras := _EXTRAS.get(kind.name):
            shown |= {key: plain(value) for key, value in extras(session, row).items()}
    if resource := RESOURCES.get(kind.name):
        values = resource.get(handles, actor, row["id"])
        shown |= {key: value for key, value in values.items() if key not in shown}
    return shown


def _row(session: Session, actor: Actor, kind: Kind, name: str | int) -> dict[str, Any]:
    for is_wanted in _conditions(kind, name):
        table = table_of(kind.model)
        columns = [column.sql.label(column.name) for column in kind.columns]
        statement = (
            select(*columns).select_from(table).where(*kind.conditions, *seen_by(actor, kind), is_wanted).limit(1)
        )
        if (row := session.connection().execute(statement).mappings().first()) is not None:
            found = [dict(row)]
            recipients.put_into(session, kind, found)
            return found[0]
    raise not_found(session, kind, str(name))


def _conditions(kind: Kind, name: str | int) -> list[ColumnElement[bool]]:
    table = table_of(kind.model)
    if kind.name == "event":
        run, _, seq = str(name).partition(":")
        if as_id(run) is None or as_id(seq) is None:
            raise Misuse(f"{name!r} names no event; write it as RUN:SEQ.")
        return [and_(table.c.run_id == as_id(run), table.c.seq == as_id(seq))]
    conditions = []
    if kind.key != "id":
        conditions.append(table.c[kind.key] == str(name))
    if is_text(table.c[kind.id_column]):
        # A worker's id is long: its beginning, as lists show it, is enough.
        conditions.append(table.c[kind.id_column].startswith(str(name), autoescape=True))
    elif (row_id := as_id(name)) is not None:
        conditions.append(table.c[kind.id_column] == row_id)
    return conditions


def _setting(handles: Handles, name: str) -> dict[str, Any]:
    rows = settings.rows(handles)
    for row in rows:
        if row["name"] == name:
            from core.services.setting_sections import section_of

            field = section_of(name).kind.field(name.rpartition(".")[2])
            return row if field is None else {**row, "default": field.default, "help": field.help}
    raise NotFound(unknown(SETTING, name, (row["name"] for row in rows)))


def _replies(session: Session, record_id: int) -> list[dict[str, Any]]:
    """What was sent for a record, with what became of it."""
    outgoing = table_of(OutgoingMessage)
    columns = [column.sql.label(column.name) for column in OUTBOX.columns]
    sent = select(*columns).where(outgoing.c.record_id == record_id).order_by(outgoing.c.id).limit(MOST)
    found = [dict(one) for one in session.connection().execute(sent).mappings()]
    recipients.put_into(session, OUTBOX, found)
    return [as_json(OUTBOX, one) for one in found]


def _record(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    record = session.get(Record, row["id"])
    columns = [column.sql.label(column.name) for column in MESSAGE.columns]
    message = table_of(Message)
    of_record = select(*columns, message.c.trail).where(message.c.record_id == row["id"]).order_by(message.c.id)
    found = [dict(one) for one in session.connection().execute(of_record.limit(MOST)).mappings()]
    messages = [{**as_json(MESSAGE, one), "trail": steps(one["trail"])} for one in found]
    return {
        "messages": messages,
        "replies": _replies(session, row["id"]),
        "fields": record.fields if record else {},
        "trail": messages[0]["trail"] if messages else [],
        "pending_until": record.pending_until if record else None,
    }


def _message(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    message = session.get(Message, row["id"])
    return {"trail": steps(message.trail if message else [])}


def _outbox(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    tries = _rows(session, Attempt, lambda table: table.c.outgoing_id == row["id"])
    names = ("number", "mailbox", "host", "phase", "outcome", "reply_code", "enhanced_code", "text", "started_at", "ms")
    return {"history": [{name: one[name] for name in names} for one in tries]}


def _run(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    run = session.get(Run, row["id"])
    # The last ones: how a run ended says more than how it began.
    first = (run.last_seq if run else 0) - MOST
    lines = _rows(session, RunEvent, lambda table: and_(table.c.run_id == row["id"], table.c.seq > first), order="seq")
    names = ("seq", "at", "level", "step", "text", "ms")
    return {
        "expected": run.expected if run else 0,
        "fault": run.fault if run else "",
        "events": [{name: one[name] for name in names} for one in lines],
    }


def _rows(
    session: Session, model: type[SQLModel], wanted: Callable[[Table], ColumnElement[bool]], order: str = "id"
) -> list[dict[str, Any]]:
    table = table_of(model)
    found = select(table).where(wanted(table)).order_by(table.c[order]).limit(MOST)
    return [dict(one) for one in session.connection().execute(found).mappings()]


def steps(trail: list[list[str]]) -> list[dict[str, str]]:
    """Why a message is where it is, step by step."""
    return [dict(zip(("stage", "rule", "why"), step, strict=False)) for step in trail]


_EXTRAS: dict[str, Callable[[Session, Mapping[str, Any]], dict[str, Any]]] = {
    "record": _record,
    "message": _message,
    "quarantine": _message,
    "outbox": _outbox,
    "run": _run,
}
