"""What came in, described: messages, quarantine, records, runs and their events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select

from core.models import Message, OriginalMessage, Quarantine, Queue, Record, Run, RunEvent
from core.resources.expressions import account_name, account_of_run, columns_of, name_of, status_of
from core.resources.kind import Action, Column, ColumnType, Kind

_m, _q, _r, _run, _e = (columns_of(model) for model in (Message, Quarantine, Record, Run, RunEvent))

_MESSAGE_COLUMNS = (
    Column("id", "Id", _m.id, ColumnType.NUMBER, width=7),
    Column("account", "Account", account_name(_m.account_id), width=10),
    Column("folder", "Folder", _m.folder),
    Column("uidvalidity", "UIDVALIDITY", _m.uidvalidity, ColumnType.NUMBER, is_filtered=False),
    Column("uid", "UID", _m.uid, ColumnType.NUMBER, is_filtered=False),
    Column("uidl", "UIDL", _m.uidl),
    Column("sha256", "SHA-256", _m.sha256),
    Column("size", "Size", _m.size, ColumnType.SIZE, is_filtered=False),
    Column("message_id", "Message-ID", _m.message_id),
    Column("subject", "Subject", _m.subject, width=21),
    Column("header_from", "From", _m.header_from, width=15),
    Column("header_to", "To", _m.header_to),
    Column("date", "Date", _m.date, ColumnType.TIME, is_filtered=False),
    Column("received_at", "Received", _m.received_at, ColumnType.TIME, width=8, is_filtered=False),
    Column("state", "State", _m.state, ColumnType.STATE, width=13),
    Column("record", "Record", name_of(Record, _m.record_id, shown="number")),
    Column("acknowledged_at", "Acknowledged", _m.acknowledged_at, ColumnType.TIME, is_filtered=False),
)

_EXPLAIN = Action(
    "explain", "t", "Try", "What today's rules would make of the selected one, and why; nothing is changed"
)

MESSAGE = Kind(
    name="message",
    plural="messages",
    title="Messages",
    model=Message,
    key="id",
    group="Incoming",
    description="Every message that was taken in, and where it ended.",
    table=("id", "received_at", "account", "subject", "header_from", "state"),
    columns=_MESSAGE_COLUMNS,
    actions=(
        _EXPLAIN,
        Action("intake", "n", "Take in", "Take messages in from a file, as if an account had received them"),
    ),
    is_newest_first=True,
)


def _why(column: str) -> ColumnElement[Any]:
    return select(_q[column]).where(_q.message_id == _m.id).correlate(_m.id.table).scalar_subquery()


_FOR_GOOD = "Delete for good?\n\nThe bytes are gone then and cannot be brought back; that the message came stays known."

QUARANTINE = Kind(
    name="quarantine",
    plural="quarantine",
    title="Quarantine",
    model=Message,
    key="id",
    group="Incoming",
    description="Messages that could not be processed; their bytes are safe here.",
    table=("id", "received_at", "account", "subject", "header_from", "reason"),
    columns=(
        *(column for column in _MESSAGE_COLUMNS if column.name not in {"record", "state"}),
        Column("state", "State", _m.state, ColumnType.STATE),
        Column("reason", "Reason", _why("reason"), width=12),
        Column("detail", "Detail", _why("detail")),
        Column("attempts", "Attempts", _why("attempts"), ColumnType.NUMBER, is_filtered=False),
        Column("tried_at", "Last try", _why("tried_at"), ColumnType.TIME, is_filtered=False),
        Column(
            "edited_by", "Edited by", func.coalesce(status_of(OriginalMessage, "edited_by", "message_id", _m.id), "")
        ),
    ),
    actions=(
        Action("retry", "r", "Retry", "Process it again from its bytes"),
        Action("release", "l", "Release", "File it in a queue, without filters"),
        _EXPLAIN,
        Action("edit", "e", "Edit", "Mend the selected one in your editor; what came is kept"),
        Action("delete", "d", "Delete", "Do away with its bytes", asks=_FOR_GOOD),
    ),
    is_newest_first=True,
    conditions=(_m.state == "quarantined",),
)

RECORD = Kind(
    name="record",
    plural="records",
    title="Records",
    model=Record,
    key="number",
    group="Records",
    description="Tickets, grievances, change requests: what messages became.",
    table=("number", "updated_at", "title", "queue", "state", "customer"),
    columns=(
        Column("id", "Id", _r.id, ColumnType.NUMBER, is_filtered=False),
        Column("number", "Number", _r.number, width=17),
        Column("type", "Type", _r.type),
        Column("title", "Title", _r.title, width=31),
        Column("queue", "Queue", name_of(Queue, _r.queue_id), width=10),
        Column("state", "State", _r.state, ColumnType.STATE, width=9),
        Column("priority", "Priority", _r.priority),
        Column("lock", "Lock", _r.lock),
        Column("owner", "Owner", _r.owner),
        Column("responsible", "Responsible", _r.responsible),
        Column("customer", "Customer", _r.customer, width=18),
        Column("account", "Account", account_name(_r.account_id)),
        Column("pending_until", "Pending until", _r.pending_until, ColumnType.TIME, is_filtered=False),
        Column("due", "Due", _r.woken_at.is_not(None), ColumnType.YES_NO),
        Column("created_at", "Created", _r.created_at, ColumnType.TIME, is_filtered=False),
        Column("updated_at", "Updated", _r.updated_at, ColumnType.TIME, width=8, is_filtered=False),
    ),
    actions=(
        Action("queue", "m", "Move", "Move it to another queue"),
        Action("state", "c", "State", "Give it another state, such as closed"),
    ),
    is_newest_first=True,
    extras=("messages", "fields", "trail"),
)

RUN = Kind(
    name="run",
    plural="runs",
    title="Runs",
    model=Run,
    key="id",
    group="Incoming",
    description="Every pass over an account, and what it brought.",
    columns=(
        Column("id", "Id", _run.id, ColumnType.NUMBER, width=6, is_filtered=False),
        Column("account", "Account", account_of_run(_run), width=14),
        Column("worker", "Worker", _run.worker),
        Column("state", "State", _run.state, ColumnType.STATE, width=9),
        Column("started_at", "Started", _run.started_at, ColumnType.TIME, width=8, is_filtered=False),
        Column("ended_at", "Ended", _run.ended_at, ColumnType.TIME, is_filtered=False),
        Column("bytes", "Bytes", _run.bytes, ColumnType.SIZE, width=8, is_filtered=False),
        Column("fetched", "New", _run.fetched, ColumnType.NUMBER, width=5, is_filtered=False),
        Column("records", "Records", _run.records, ColumnType.NUMBER, width=7, is_filtered=False),
        Column("follow_ups", "Follow-ups", _run.follow_ups, ColumnType.NUMBER, is_filtered=False),
        Column("bounces", "Bounces", _run.bounces, ColumnType.NUMBER, is_filtered=False),
        Column("ignored", "Ignored", _run.ignored, ColumnType.NUMBER, is_filtered=False),
        Column("skipped", "Skipped", _run.skipped, ColumnType.NUMBER, is_filtered=False),
        Column("quarantined", "Quarantined", _run.quarantined, ColumnType.NUMBER, is_filtered=False),
        Column("too_large", "Too large", _run.too_large, ColumnType.NUMBER, is_filtered=False),
        Column("acknowledged", "Acknowledged", _run.acknowledged, ColumnType.NUMBER, is_filtered=False),
        Column("step", "Step", _run.step),
        Column("error", "Error", _run.error, width=14),
    ),
    is_newest_first=True,
)

EVENT = Kind(
    name="event",
    plural="events",
    title="Run events",
    model=RunEvent,
    key="run",
    group="Incoming",
    description="The lines of the runs.",
    columns=(
        Column("run", "Run", _e.run_id, ColumnType.NUMBER, width=6),
        Column("seq", "Seq", _e.seq, ColumnType.NUMBER, is_filtered=False),
        Column(
            "account",
            "Account",
            func.coalesce(
                select(account_of_run(_run)).where(_run.id == _e.run_id).correlate(_e.run_id.table).scalar_subquery(), ""
            ),
            width=14,
        ),
        Column("at", "At", _e.at, ColumnType.TIME, width=9, is_filtered=False),
        Column("level", "Level", _e.level, ColumnType.STATE, width=8),
        Column("step", "Step", _e.step, width=9),
        Column("text", "Text", _e.text, width=28),
        Column("ms", "ms", _e.ms, ColumnType.NUMBER, is_filtered=False),
        Column("message", "Message", _e.message_id, ColumnType.NUMBER, is_filtered=False),
    ),
    is_newest_first=True,
    id_column="run_id",
)
