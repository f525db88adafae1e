"""The audit log is only added to, whoever asks the database."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from sqlmodel import Session

from core import clock
from core.db.audit_guard import KEPT_FROM, forget_audit
from core.handles import Handles
from core.models import Audit, Setting
from tests.accounts import rows_of


def noted(handles: Handles, *ages: timedelta) -> None:
    """Lines of these ages."""

    def work(session: Session) -> None:
        for age in ages:
            session.add(Audit(at=clock.utcnow() - age, actor="anna@here", verb="change", kind="queue", name="Raw"))

    handles.database.writing(work)


def by_hand(handles: Handles, statement: str) -> str:
    """What plain sqlite3 or psql is told."""
    url = handles.environment.database_url
    try:
        if handles.environment.is_sqlite:
            with closing(sqlite3.connect(handles.environment.database_file)) as connection, connection:
                connection.execute(statement)
        else:
            with psycopg.connect(url) as connection:
                connection.execute(statement)
    except (sqlite3.Error, psycopg.Error) as error:
        return str(error).splitlines()[0]
    return ""


_REPLACED = "INTO audit SELECT id, at, 'nobody', verb, kind, name, before, after FROM audit"


@pytest.mark.parametrize(
    ("on_sqlite", "on_postgresql"),
    [
        ("UPDATE audit SET actor = 'nobody'", "UPDATE audit SET actor = 'nobody'"),
        ("DELETE FROM audit", "DELETE FROM audit"),
        (f"REPLACE {_REPLACED}", "TRUNCATE audit"),
        (f"INSERT OR REPLACE {_REPLACED}", f"INSERT {_REPLACED} ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"),
    ],
)
def test_a_line_is_neither_changed_nor_removed(handles: Handles, on_sqlite: str, on_postgresql: str) -> None:
    noted(handles, timedelta(days=400), timedelta(0))
    before = rows_of(handles, Audit, "id")
    statement = on_sqlite if handles.environment.is_sqlite else on_postgresql

    assert by_hand(handles, statement) == "the audit log is only added to"

    assert rows_of(handles, Audit, "id") == before


def test_retention_removes_what_is_older_and_says_since_when_the_log_is_kept(handles: Handles) -> None:
    noted(handles, timedelta(days=400), timedelta(days=399), timedelta(days=1))
    before = clock.utcnow() - timedelta(days=365)

    assert handles.database.writing(lambda session: forget_audit(session, before, 1)) == 1
    assert handles.database.writing(lambda session: forget_audit(session, before, 500)) == 1
    assert handles.database.writing(lambda session: forget_audit(session, before, 500)) == 0

    assert len(rows_of(handles, Audit, "id")) == 1
    assert by_hand(handles, "DELETE FROM audit") == "the audit log is only added to"
    with handles.database.reading() as session:
        kept_from = session.get(Setting, KEPT_FROM)
    assert kept_from is not None
    assert str(kept_from.value).startswith(f"{before:%Y-%m-%d}")
