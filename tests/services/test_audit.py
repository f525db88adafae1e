"""The audit log: each change a line, in the database and in the journal, and never a secret."""

import json
import logging
from datetime import UTC, date, datetime

import pytest

from core.clock import utcnow
from core.errors import BadInput
from core.handles import Handles
from core.models import Worker
from core.resources.catalogue import AUDIT, kind_named
from core.secret import Secret
from core.services import audit
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.queues import queues
from core.services.lists.paging import cursor_of
from core.services.lists.search import matching
from tests.accounts import ON_SQLITE
from tests.services.worlds import add, put


def _lines(handles: Handles, admin: Actor) -> list[tuple[str, object, object]]:
    rows = matching(handles, admin, AUDIT, newest_first=False).rows
    return [(row["verb"], row["before"], row["after"]) for row in rows]


def test_each_change_is_a_line_with_before_and_after(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "queue", "Q")
    queues.change(handles, admin, "Q", {"comment": "why"})
    queues.change(handles, admin, "Q", {"comment": "why"})
    queues.delete(handles, admin, "Q")
    queues.restore(handles, admin, "Q")

    lines = _lines(handles, admin)
    assert [verb for verb, _, _ in lines] == ["add", "change", "delete", "restore"]
    assert lines[1][1:] == ({"comment": ""}, {"comment": "why"})
    assert lines[2][2] is None


def test_a_line_names_who_and_when(handles: Handles, admin: Actor) -> None:
    before = utcnow()
    add(handles, admin, "queue", "Q")

    (row,) = matching(handles, admin, AUDIT).rows
    assert (row["actor"], row["kind"], row["name"]) == (f"anna@{handles.host}", "queue", "Q")
    assert before <= row["at"] <= utcnow()


@ON_SQLITE
def test_whatever_is_noted_a_secret_is_masked_and_a_time_is_text(handles: Handles, admin: Actor) -> None:
    values = {
        "password": Secret("kanarienvogel"),
        "until": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "day": date(2026, 3, 1),
    }
    handles.database.writing(lambda session: audit.note(session, admin, "change", "x", "y", before=values, after={}))

    assert _lines(handles, admin) == [
        ("change", {"password": "****", "until": "2026-03-01T12:00:00+00:00", "day": "2026-03-01"}, {})
    ]


def test_secrets_are_masked_in_log_and_journal(
    handles: Handles, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="postroom.audit"):
        add(handles, admin, "account", "a", password="kanarienvogel")
        accounts.change(handles, admin, "a", {"password": "nachtigall"})
        accounts.change(handles, admin, "a", {"password": {"ref": "env:HOME"}})
        accounts.change(handles, admin, "a", {"password": None})

    lines = _lines(handles, admin)
    assert [line[2].get("password") for line in lines if isinstance(line[2], dict)] == ["****", "****", "env:HOME", ""]
    assert len(caplog.records) == 4
    for text in (json.dumps(lines), caplog.text):
        assert "kanarienvogel" not in text
        assert "nachtigall" not in text


def test_a_forged_line_break_stays_within_its_line(
    handles: Handles, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="postroom.audit"):
        line = handles.database.writing(lambda session: audit.note(session, admin, "add", "queue", "x\n2026 forged"))
        audit.publish(line)

    assert "\n" not in caplog.records[0].getMessage()


def test_what_was_refused_leaves_no_line(handles: Handles, admin: Actor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="postroom.audit"), pytest.raises(BadInput):
        add(handles, admin, "account", "a", port=99999999)

    assert _lines(handles, admin) == []
    assert caplog.records == []


def test_rows_named_by_words_page_by_them(handles: Handles, admin: Actor) -> None:
    now = utcnow()
    put(handles, *(Worker(id=name, host="h", pid=1, started_at=now, heartbeat_at=now) for name in "abc"))
    kind = kind_named("worker")

    first = matching(handles, admin, kind, limit=2)
    rest = matching(handles, admin, kind, limit=2, after=cursor_of(kind, first.rows[-1]))

    assert [row["id"] for row in [*first.rows, *rest.rows]] == ["a", "b", "c"]
