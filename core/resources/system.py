"""What Postroom keeps about itself, described: alerts, audit, workers, settings."""

from __future__ import annotations

from core.models import Alert, Audit, Setting, Worker
from core.resources.expressions import columns_of
from core.resources.kind import Column, ColumnType, Kind

_al, _au, _w, _s = (columns_of(model) for model in (Alert, Audit, Worker, Setting))

ALERT = Kind(
    name="alert",
    plural="alerts",
    title="Alerts",
    model=Alert,
    key="id",
    group="System",
    description="What needs a person.",
    columns=(
        Column("id", "Id", _al.id, ColumnType.NUMBER, width=5, is_filtered=False),
        Column("subject", "About", _al.subject, width=20),
        Column("text", "Text", _al.text, width=34),
        Column("opened_at", "Opened", _al.opened_at, ColumnType.TIME, width=8, is_filtered=False),
        Column("closed_at", "Closed", _al.closed_at, ColumnType.TIME, width=8, is_filtered=False),
        Column("told_at", "Told", _al.told_at, ColumnType.TIME, is_filtered=False),
        Column("closing_told_at", "Told of its end", _al.closing_told_at, ColumnType.TIME, is_filtered=False),
    ),
    is_newest_first=True,
)

AUDIT = Kind(
    name="audit",
    plural="audit",
    title="Audit",
    model=Audit,
    key="id",
    group="System",
    description="Who did what, and what it was before.",
    columns=(
        Column("id", "Id", _au.id, ColumnType.NUMBER, is_filtered=False),
        Column("at", "At", _au.at, ColumnType.TIME, width=14, is_filtered=False),
        Column("actor", "Who", _au.actor, width=18),
        Column("verb", "Did", _au.verb, width=10),
        Column("kind", "Kind", _au.kind, width=9),
        Column("name", "What", _au.name, width=22),
        Column("before", "Before", _au.before, ColumnType.OBJECT),
        Column("after", "After", _au.after, ColumnType.OBJECT),
    ),
    is_newest_first=True,
)

WORKER = Kind(
    name="worker",
    plural="workers",
    title="Workers",
    model=Worker,
    key="id",
    group="System",
    description="The processes that work, on any machine.",
    columns=(
        Column("id", "Id", _w.id, width=12),
        Column("host", "Machine", _w.host, width=16),
        Column("pid", "PID", _w.pid, ColumnType.NUMBER, width=8),
        Column("role", "Does", _w.role, width=8),
        Column("version", "Version", _w.version, width=8),
        Column("started_at", "Started", _w.started_at, ColumnType.TIME, width=9, is_filtered=False),
        Column("heartbeat_at", "Heartbeat", _w.heartbeat_at, ColumnType.TIME, width=9, is_filtered=False),
    ),
)

SETTING = Kind(
    name="setting",
    plural="settings",
    title="Settings",
    model=Setting,
    key="name",
    group="System",
    description="What holds for all accounts and mailboxes.",
    columns=(
        Column("name", "Name", _s.name, width=26),
        Column("value", "Value", _s.value, ColumnType.OBJECT, width=40),
    ),
    id_column="name",
)
