"""Where is my mail: everything that was seen of it, coming in and going out, newest first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.filtering import Filter, Term, condition
from core.handles import Handles
from core.inbound.trail import Stage
from core.models import Attempt, Message, MessageState, OutgoingMessage, Quarantine, Queue, Recipient, Record
from core.named_times import named_span
from core.resources.incoming import MESSAGE
from core.resources.json_rows import as_json, plain
from core.resources.kind import Kind
from core.resources.outbox import OUTBOX
from core.services import access
from core.services.actor import Actor
from core.services.lists import recipients
from core.services.looking.details import steps

LIMIT = 100
"""Messages told of, unless another number is asked for."""

MOST_TRIES = 20
"""Of a message that was tried more often, the last ones are told."""

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_NUMBER = re.compile(r"\[?(?:[A-Za-z ]{1,30}#:?\s*)?(\d{12,30})\]?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d(?::\d\d)?)?Z?")

_BESIDES = {"trail", "opened_record", "after_fetch", "queue", "reason"}
"""What is read of a message beside its columns."""

_m, _o, _record, _queue = (table_of(model) for model in (Message, OutgoingMessage, Record, Queue))
_recipient, _attempt, _quarantine = (table_of(model) for model in (Recipient, Attempt, Quarantine))


@dataclass(frozen=True)
class Sought:
    """What a person typed, understood."""

    text: str
    message_id: str = ""
    """A whole Message-ID: then nothing else is looked for."""
    number: str = ""
    """The number of a record."""
    since: datetime | None = None
    until: datetime | None = None
    """A day, hour or minute: when it began, and the first moment after it."""
    state: str = ""
    """One of the states of incoming messages."""


@dataclass(frozen=True)
class Sightings:
    """What was found."""

    rows: list[dict[str, Any]]
    """As `--json` gives them, newest first."""
    has_more: bool


def read_sought(text: str) -> Sought:
    """What a text may name: a Message-ID, a record's number, a time, a state; else it is looked for as it is."""
    text = text.strip()
    if _MESSAGE_ID.fullmatch(text):
        return Sought(text, message_id=text)
    number = _NUMBER.fullmatch(text)
    since = until = None
    if _TIME.fullmatch(text):
        since, until = _span(text)
    state = text.lower().replace(" ", "_")
    return Sought(
        text,
        number=number[1] if number is not None else "",
        since=since,
        until=until,
        state=state if state in {one.value for one in MessageState} else "",
    )


def where(handles: Handles, actor: Actor, text: str, *, limit: int = LIMIT) -> Sightings:
    """Everything seen that this text names, or that has it in Message-ID, sender, recipient or subject."""
    access.require(actor, access.SEE, "message")
    access.require(actor, access.SEE, "outbox")
    sought = read_sought(text)
    with handles.database.reading() as session:
        record_ids = _records(session, sought)
        found = [*_incoming(session, sought, record_ids, limit + 1), *_outgoing(session, sought, record_ids, limit + 1)]
    found.sort(key=lambda row: row["at"], reverse=True)
    return Sightings([{**row, "at": plain(row["at"])} for row in found[:limit]], len(found) > limit)


def _incoming(session: Session, sought: Sought, record_ids: Sequence[int], limit: int) -> list[dict[str, Any]]:
    wanted = _condition(sought, _m, ("message_id", "subject", "header_from", "header_to", "uidl"), _m.c.received_at)
    wanted = or_(wanted, _m.c.record_id.in_(record_ids)) if record_ids else wanted
    if sought.state:
        wanted = or_(wanted, _m.c.state == sought.state)
    queue = (
        select(_queue.c.name)
        .join(_record, _record.c.queue_id == _queue.c.id)
        .where(_record.c.id == _m.c.record_id)
        .scalar_subquery()
    )
    reason = select(_quarantine.c.reason).where(_quarantine.c.message_id == _m.c.id).scalar_subquery()
    columns = [_m.c.trail, _m.c.opened_record, _m.c.after_fetch, queue.label("queue"), reason.label("reason")]
    return [_as_incoming(row) for row in _rows(session, MESSAGE, columns, wanted, limit)]


def _as_incoming(row: Mapping[str, Any]) -> dict[str, Any]:
    trail = steps(row["trail"])
    own = {name: value for name, value in row.items() if name not in _BESIDES}
    return {
        "direction": "incoming",
        "at": row["received_at"],
        **as_json(MESSAGE, own),
        "queue": plain(row["queue"]),
        "opened_record": bool(row["opened_record"] and row["state"] == MessageState.RECORDED.value),
        "reason": plain(row["reason"]),
        "why": plain(_why(trail, row["state"])),
        "after_fetch": row["after_fetch"],
    }


def _why(trail: Sequence[Mapping[str, str]], state: str) -> str:
    """The reason that decided; of an ignored message, the filter that said so."""
    if state == MessageState.IGNORED:
        for step in trail:
            if step["stage"] == Stage.FILTERS and step["rule"] and "Ignore" in step["why"]:
                return f"filter {step['rule']} {step['why']}"
    return trail[-1]["why"] if trail else ""


def _outgoing(session: Session, sought: Sought, record_ids: Sequence[int], limit: int) -> list[dict[str, Any]]:
    wanted = _condition(sought, _o, ("message_id", "subject", "header_from", "sender"), _o.c.created_at)
    if record_ids:
        wanted = or_(wanted, _o.c.record_id.in_(record_ids))
    if not sought.message_id:
        to = select(_recipient.c.outgoing_id).where(_contains(sought, {"address": _recipient.c.address}))
        wanted = or_(wanted, _o.c.id.in_(to))
    number = select(_record.c.number).where(_record.c.id == _o.c.record_id).scalar_subquery()
    columns = [_o.c.settled_at, number.label("record")]
    rows = _rows(session, OUTBOX, columns, wanted, limit)
    recipients.put_into(session, OUTBOX, rows)
    tries = _tries(session, [row["id"] for row in rows])
    return [_as_outgoing(row, tries.get(row["id"], [])) for row in rows]


def _as_outgoing(row: Mapping[str, Any], tries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in {"settled_at", "record"}}
    return {
        "direction": "outgoing",
        "at": row["created_at"],
        **as_json(OUTBOX, own),
        "record": row["record"],
        "sent_at": plain(row["settled_at"]) if row["state"] == "sent" else None,
        "history": [plain(one) for one in tries],
    }


def _tries(session: Session, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    names = ("number", "mailbox", "host", "outcome", "reply_code", "enhanced_code", "text", "started_at", "ms")
    tries: dict[int, list[dict[str, Any]]] = {}
    for start in range(0, len(ids), 500):
        wanted = _attempt.c.outgoing_id.in_(ids[start : start + 500])
        statement = select(_attempt).where(wanted).order_by(_attempt.c.outgoing_id, _attempt.c.id)
        for row in session.connection().execute(statement).mappings():
            tries.setdefault(row["outgoing_id"], []).append({name: row[name] for name in names})
    return {key: found[-MOST_TRIES:] for key, found in tries.items()}


def _rows(
    session: Session, kind: Kind, further: Sequence[Any], wanted: ColumnElement[bool], limit: int
) -> list[dict[str, Any]]:
    table = table_of(kind.model)
    columns = [column.sql.label(column.name) for column in kind.columns]
    statement = select(*columns, *further).select_from(table).where(wanted).order_by(table.c.id.desc()).limit(limit)
    return [dict(row) for row in session.connection().execute(statement).mappings()]


def _records(session: Session, sought: Sought) -> list[int]:
    if not sought.number:
        return []
    return list(session.connection().scalars(select(_record.c.id).where(_record.c.number == sought.number)))


def _condition(sought: Sought, table: Any, names: Sequence[str], at: ColumnElement[Any]) -> ColumnElement[bool]:
    if sought.message_id:
        return table.c.message_id == sought.message_id  # type: ignore[no-any-return]
    found = _contains(sought, {name: table.c[name] for name in names})
    if sought.since is not None:
        found = or_(found, and_(at >= sought.since, at < sought.until))
    return found


def _contains(sought: Sought, columns: Mapping[str, Any]) -> ColumnElement[bool]:
    return condition(Filter((Term(sought.text),)), columns) if sought.text else false()


def _span(text: str) -> tuple[datetime | None, datetime | None]:
    """When it began and ended: a local time, as it is told, or with Z one in UTC."""
    span = named_span(text.removesuffix("Z").replace(" ", "T"), clock.utcnow().astimezone())
    if span is None:
        return None, None
    if text.endswith("Z"):
        return span.begin.replace(tzinfo=UTC), span.end.replace(tzinfo=UTC)
    return span.begin, span.end
