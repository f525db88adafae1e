"""The roles as PostgreSQL's own: what each may do with each table, and the SQL that grants it.

On PostgreSQL a person's login cannot do by psql what their role does not allow in Postroom. `postroom db roles` prints
the SQL; it can be run again, after an upgrade too.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.models import metadata

VIEWER, OPERATOR, ADMIN, WORKER = "postroom_viewer", "postroom_operator", "postroom_admin", "postroom_worker"
ROLES = (VIEWER, OPERATOR, ADMIN, WORKER)
"""The groups; each person's and each machine's login is in one."""


PUBLIC = "public"
"""The schema that a database begins with."""


def _without(table: str, *hidden: str) -> tuple[str, ...]:
    return tuple(column.name for column in metadata.tables[table].columns if column.name not in hidden)


SECLUDED = {
    "secret": ("kind", "owner_id", "field", "key_id"),
    "token": _without("token", "sealed", "refused_token"),
    # Where mail goes stands in its history too; whether a mailbox can send at all is told by it.
    "template": ("id", "name", "smtp_host", "version", "deleted_at"),
    "request": _without("request", "sealed_values"),
}
"""Tables of which only a super security admin and the workers see all columns; the others see these."""

SECLUDED_SETTINGS = ("system.return_token",)
"""Rows of `setting` that a viewer does not see: who knows them could make bounces up."""

SECLUDED_LINES = ("template",)
"""Kinds of which neither viewer nor operator sees the lines of the audit log."""

OPERATORS_ORDERS = ("deliver", "fetch", "rehearse", "test")
"""What an operator may ask of workers, which carry out what they find; never with values of the operator's own.

A test of values would be made with what only the worker can read: a file that a password refers to, the token of a
profile. A sign-in would put another person's mailbox in the place of ours.
"""

OPERATED = frozenset(
    {
        "account_status", "attempt", "changed", "counter", "delivery", "folder_mark", "handoff_status", "leftover",
        "message", "original_message", "outgoing_message", "outgoing_raw", "quarantine", "raw_message", "recipient",
        "record", "request", "request_event", "run", "run_event", "suppression", "suspect",
    }
)  # fmt: skip
"""Tables that an operator's work writes: no configuration, no secrets."""

APPENDED = "audit"
"""The table that nobody changes; the workers remove what is older than its retention."""

LOOKED_AT_BY_ROW = frozenset({"setting", "request", APPENDED})
"""Tables of which a role sees or writes some rows and not others."""


def roles_sql(schema: str = PUBLIC) -> str:
    """The SQL that makes the groups and grants them what they may, in one transaction.

    Args:
        schema: where the tables are.
    """
    place = _names([schema]) if schema != PUBLIC else PUBLIC
    parts = [
        "-- Made by `postroom db roles`. Run it as the owner of the tables; again after each `postroom db upgrade`."
    ]
    parts += ["BEGIN;", *(_make_group(role) for role in ROLES)]
    parts += [f"SET LOCAL search_path TO {place};"] if schema != PUBLIC else []
    parts += [f"REVOKE ALL ON ALL TABLES IN SCHEMA {place} FROM PUBLIC, {', '.join(ROLES)};"]
    parts += ["-- Who makes a function or table there could have another's session take it for ours."]
    parts += [f"REVOKE CREATE ON SCHEMA {place} FROM PUBLIC, {', '.join(ROLES)};"]
    parts += [f"GRANT USAGE ON SCHEMA {place} TO {', '.join(ROLES)};"]
    parts += ["", "-- Looking: all but secrets and templates.", *_looking()]
    parts += ["", "-- An operator's work.", *_operating(place)]
    parts += ["", "-- Everything, but the audit log is only added to.", *_everything()]
    parts += ["COMMIT;"]
    return "\n".join(parts) + "\n"


def _looking() -> Iterable[str]:
    whole = sorted(set(metadata.tables) - set(SECLUDED))
    yield f"GRANT SELECT ON {_names([*whole, 'alembic_version'])} TO {', '.join(ROLES)};"
    for table, columns in SECLUDED.items():
        yield f"GRANT SELECT ({_names(columns)}) ON {_names([table])} TO {VIEWER}, {OPERATOR};"
    yield from _by_row(
        "setting",
        looking=f"FOR SELECT TO {VIEWER} USING (name NOT IN ({_texts(SECLUDED_SETTINGS)}))",
        working=f"TO {OPERATOR}, {ADMIN}, {WORKER} USING (true) WITH CHECK (true)",
    )
    yield from _by_row(
        APPENDED,
        looking=f"FOR SELECT TO {VIEWER}, {OPERATOR} USING (kind NOT IN ({_texts(SECLUDED_LINES)}))",
        adding=f"FOR INSERT TO {OPERATOR} WITH CHECK (true)",
        working=f"TO {ADMIN}, {WORKER} USING (true) WITH CHECK (true)",
    )


def _operating(place: str) -> Iterable[str]:
    written = sorted(OPERATED & set(metadata.tables))
    yield f"GRANT INSERT, UPDATE, DELETE ON {_names(written)} TO {OPERATOR};"
    yield _appending(OPERATOR)
    yield from _by_row(
        "request",
        looking=f"FOR SELECT TO {VIEWER} USING (true)",
        operating=f"TO {OPERATOR} USING (true) "
        f"WITH CHECK (kind IN ({_texts(OPERATORS_ORDERS)}) AND sealed_values IS NULL)",
        working=f"TO {ADMIN}, {WORKER} USING (true) WITH CHECK (true)",
    )
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {place} TO {OPERATOR}, {ADMIN}, {WORKER};"


def _everything() -> Iterable[str]:
    others = sorted(set(metadata.tables) - {APPENDED})
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_names(others)} TO {ADMIN}, {WORKER};"
    yield _appending(ADMIN, WORKER)
    yield "-- What retention removes; the table itself refuses what is younger."
    yield f"GRANT DELETE ON {_names([APPENDED])} TO {WORKER};"


def _appending(*roles: str) -> str:
    """A line gets its number from the sequence: who wrote numbers ahead would have every later line refused."""
    return f"GRANT INSERT ({_names(_without(APPENDED, 'id'))}) ON {_names([APPENDED])} TO {', '.join(roles)};"


def _by_row(table: str, **policies: str) -> Iterable[str]:
    """Which rows of a table each may read and write, beside what is granted of the table."""
    assert table in LOOKED_AT_BY_ROW
    yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;'
    for policy, rule in policies.items():
        yield f'DROP POLICY IF EXISTS {policy} ON "{table}";'
        yield f'CREATE POLICY {policy} ON "{table}" {rule};'


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)


def _make_group(role: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
        f"THEN CREATE ROLE {role} NOLOGIN; END IF; END $$;"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)
