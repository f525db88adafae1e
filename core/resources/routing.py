"""Queues, addresses, filters and hand-offs, described."""

from __future__ import annotations

from sqlalchemy import func, select

from core.models import Delivery, Filter, Handoff, HandoffStatus, Queue, Record, SystemAddress, Validity
from core.resources import checks
from core.resources.expressions import columns_of, name_of, status_of
from core.resources.kind import Action, Column, ColumnType, Field, FieldType, Kind

_q, _a, _f, _h, _d = (columns_of(model) for model in (Queue, SystemAddress, Filter, Handoff, Delivery))
_record = columns_of(Record)
_records = select(func.count()).where(_record.queue_id == _q.id).correlate(_q.id.table).scalar_subquery()
_waiting = (
    select(func.count())
    .where(_d.handoff_id == _h.id, _d.state == "waiting")
    .correlate(_h.id.table)
    .scalar_subquery()
)

QUEUE = Kind(
    name="queue",
    plural="queues",
    title="Queues",
    model=Queue,
    key="name",
    group="Routing",
    description="Where records of one concern wait for people.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Unique among queues.", is_required=True),
        Field("validity", FieldType.CHOICE, "Validity", "An invalid queue counts as absent.", "valid", choices=tuple(Validity)),
        Field("closed", FieldType.CHOICE, "Closed records", "A follow-up to a closed record: opens it, is stored only, or makes a new one.", "possible", choices=("possible", "reject", "new")),
        Field("address", FieldType.TEXT, "Reply address", "The sender of replies from this queue.", check=checks.mail_address),
        Field("comment", FieldType.TEXT, "Comment"),
    ),
    columns=(
        Column("id", "Id", _q.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _q.name, width=24),
        Column("validity", "Valid", _q.validity, ColumnType.STATE, width=10),
        Column("closed", "Closed", _q.closed, width=9),
        Column("address", "Address", _q.address, width=20),
        Column("records", "Records", _records, ColumnType.NUMBER, width=8, is_filtered=False),
        Column("comment", "Comment", _q.comment),
    ),
    conditions=(_q.deleted_at.is_(None),),
)

ADDRESS = Kind(
    name="address",
    plural="addresses",
    title="Addresses",
    model=SystemAddress,
    key="address",
    group="Routing",
    description="Our e-mail addresses and the queues their mail goes to.",
    fields=(
        Field("address", FieldType.TEXT, "Address", "One e-mail address of ours.", is_required=True, check=checks.mail_address),
        Field("queue", FieldType.REFERENCE, "Queue", "Where its mail goes.", is_required=True, refers_to="queue"),
        Field("display_name", FieldType.TEXT, "Display name"),
        Field("validity", FieldType.CHOICE, "Validity", "", "valid", choices=tuple(Validity)),
    ),
    columns=(
        Column("id", "Id", _a.id, ColumnType.NUMBER, is_filtered=False),
        Column("address", "Address", _a.address, width=32),
        Column("queue", "Queue", name_of(Queue, _a.queue_id), width=16),
        Column("display_name", "Display name", _a.display_name, width=16),
        Column("validity", "Valid", _a.validity, ColumnType.STATE, width=9),
    ),
    actions=(Action("queue", "m", "Move", "Give its mail to another queue"),),
    conditions=(_a.deleted_at.is_(None),),
)

FILTER = Kind(
    name="filter",
    plural="filters",
    title="Filters",
    model=Filter,
    key="name",
    group="Routing",
    description="Rules that look at a message and set control headers, in order of name.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Filters run in the order of their names.", is_required=True),
        Field("stop", FieldType.YES_NO, "Stop", "Whether later filters are skipped when this one matches.", False),
        Field("match", FieldType.CONDITIONS, "Conditions", "A line each: Header: expression; a ! before the header negates.", (), is_required=True),
        Field("set", FieldType.VALUES, "Sets", "A line each: X-OTOBO-Header: value.", {}, is_required=True),
    ),
    table=("name", "match", "set", "stop"),
    columns=(
        Column("id", "Id", _f.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _f.name, width=20),
        Column("stop", "Stop", _f.stop, ColumnType.YES_NO, width=4),
        Column("match", "Conditions", _f.match, ColumnType.OBJECT, width=27),
        Column("set", "Sets", _f.set, ColumnType.OBJECT, width=25),
    ),
    conditions=(_f.deleted_at.is_(None),),
)

HANDOFF = Kind(
    name="handoff",
    plural="handoffs",
    title="Hand-offs",
    model=Handoff,
    key="name",
    group="Routing",
    description="Other systems that records are offered to.",
    fields=(
        Field("name", FieldType.TEXT, "Name", is_required=True),
        Field("active", FieldType.YES_NO, "Active", "", True),
        Field("command", FieldType.TEXT, "Command", "Given each record as JSON on its input."),
        Field("url", FieldType.TEXT, "Address", "Each record is posted there, signed.", check=checks.web_address),
        Field("secret", FieldType.SECRET, "Secret", "Signs what is posted."),
        Field("queues", FieldType.WORDS, "Queues", "Only these; empty: all.", ()),
        Field("types", FieldType.WORDS, "Record types", "Only these; empty: all.", ()),
    ),
    columns=(
        Column("id", "Id", _h.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _h.name, width=22),
        Column("active", "Active", _h.active, ColumnType.YES_NO, width=6),
        Column("command", "Command", _h.command, width=20),
        Column("url", "Address", _h.url, width=20),
        Column("queues", "Queues", _h.queues, ColumnType.WORDS),
        Column("types", "Types", _h.types, ColumnType.WORDS),
        Column("waiting", "Waiting", _waiting, ColumnType.NUMBER, width=7, is_filtered=False),
        Column("rests_until", "Rests until", status_of(HandoffStatus, "rests_until", "handoff_id", _h.id), ColumnType.TIME, is_filtered=False),
        Column("last_ok_at", "Last taken", status_of(HandoffStatus, "last_ok_at", "handoff_id", _h.id), ColumnType.TIME, is_filtered=False),
        Column("last_error", "Last error", func.coalesce(status_of(HandoffStatus, "last_error", "handoff_id", _h.id), "")),
    ),
    conditions=(_h.deleted_at.is_(None),),
)

DELIVERY = Kind(
    name="delivery",
    plural="deliveries",
    title="Deliveries",
    model=Delivery,
    key="id",
    group="Routing",
    description="What was offered to hand-offs, and what became of it.",
    columns=(
        Column("id", "Id", _d.id, ColumnType.NUMBER, width=7),
        Column("handoff", "Hand-off", name_of(Handoff, _d.handoff_id), width=10),
        Column("event", "Event", _d.event, width=9),
        Column("record", "Record", name_of(Record, _d.record_id, shown="number"), width=17),
        Column("message", "Message", _d.message_id, ColumnType.NUMBER),
        Column("state", "State", _d.state, ColumnType.STATE, width=11),
        Column("attempts", "Tries", _d.attempts, ColumnType.NUMBER, width=5, is_filtered=False),
        Column("next_attempt_at", "Next", _d.next_attempt_at, ColumnType.TIME, is_filtered=False),
        Column("last_error", "Last error", _d.last_error, width=14),
        Column("created_at", "Created", _d.created_at, ColumnType.TIME, is_filtered=False),
        Column("settled_at", "Settled", _d.settled_at, ColumnType.TIME, is_filtered=False),
    ),
    actions=(
        Action("retry", "r", "Retry", "Offer it again now"),
        Action("cancel", "x", "Give up", "Offer it no longer", asks="Give these up? They are not offered any more."),
    ),
    is_newest_first=True,
)
