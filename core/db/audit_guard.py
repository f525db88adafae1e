"""The audit log is only added to: the database itself refuses to change its lines, or to remove recent ones.

Retention removes old lines: it first writes down up to when (`system.audit_kept_from`), and what is older than that may
go. That stays written down, so a log that begins late says since when it was kept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete
from sqlmodel import Session

from core.db.alike import dialect_of
from core.db.bulk import table_of, upsert
from core.models import Audit, Setting

KEPT_FROM = "system.audit_kept_from"
"""The row that says from when on lines are kept."""

_REFUSAL = "the audit log is only added to"

_SQLITE = (
    f"""CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    # REPLACE removes without telling the triggers of DELETE.
    f"""CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608 - our own constants
    # Times are text that sorts; a setting is JSON.
    f"""CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
    WHEN OLD.at >= coalesce((SELECT json_extract(value, '$') FROM setting WHERE name = '{KEPT_FROM}'), '')
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608 - our own constants
)

_POSTGRESQL = (
    f"""CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.at < (SELECT (value #>> '{{}}')::timestamptz FROM setting WHERE name = '{KEPT_FROM}') THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'insufficient_privilege';
    END $$""",  # noqa: S608 - our own constants
    """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_only_added_to()""",
    """CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to()""",
)


def guard_audit(connection: Connection) -> None:
    """Have the database refuse from now on."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)


def unguard_audit(connection: Connection) -> None:
    """As it was before (for going back to an older revision)."""
    connection.exec_driver_sql("DROP TRIGGER audit_is_not_changed" + _on(connection))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER audit_is_not_replaced")
        connection.exec_driver_sql("DROP TRIGGER audit_is_not_removed")
    else:
        connection.exec_driver_sql("DROP TRIGGER audit_is_not_emptied ON audit")
        connection.exec_driver_sql("DROP FUNCTION audit_is_only_added_to()")


def forget_audit(session: Session, before: datetime, at_most: int) -> int:
    """Remove lines that are older, within a transaction; says since when the log is kept. How many went."""
    table = table_of(Audit)
    written = before.isoformat(" ", "microseconds").partition("+")[0]
    value = written if dialect_of(session) == "sqlite" else before.isoformat()
    upsert(session, Setting, [{"name": KEPT_FROM, "value": value}])
    old = table.select().with_only_columns(table.c.id).where(table.c.at < before).limit(at_most)
    return session.connection().execute(delete(table).where(table.c.id.in_(old))).rowcount


def _on(connection: Connection) -> str:
    return "" if connection.dialect.name == "sqlite" else " ON audit"
