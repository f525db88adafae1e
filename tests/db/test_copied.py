"""Many rows at once: what PostgreSQL takes by COPY is what it would take row by row, and SQLite takes the same."""

from typing import Any

import pytest
from sqlalchemy import event, select
from sqlmodel import SQLModel

from core.clock import utcnow
from core.db import bulk
from core.db.bulk import table_of
from core.db.copied import FEWEST
from core.errors import StoreRefused
from core.handles import Handles
from core.models import Attempt, Audit, Message, OutgoingMessage, RawMessage
from tests.accounts import ON_POSTGRES

MANY = 3 * FEWEST
AWKWARD = "a\ttab, a\nline, \\N and \\., 'quotes\", é 😀"


def _insert(handles: Handles, model: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    handles.database.writing(lambda session: bulk.insert_rows(session, model, rows))


def _stored(handles: Handles, model: type[SQLModel], names: list[str]) -> list[dict[str, Any]]:
    table = table_of(model)
    with handles.database.reading() as session:
        asked = select(*(table.c[name] for name in names)).order_by(next(iter(table.primary_key)))
        return [dict(row) for row in session.connection().execute(asked).mappings()]


def _messages(count: int) -> list[dict[str, Any]]:
    columns = [column.name for column in table_of(Message).columns]
    given = {"account_id": 1, "subject": AWKWARD, "received_at": utcnow(), "state": "recorded"}
    rows = [Message(id=number, uid=number, **given).model_dump() for number in range(1, count + 1)]
    return [{name: [["a", "“b”", AWKWARD]] if name == "trail" else row[name] for name in columns} for row in rows]


def test_many_rows_come_back_as_they_were(handles: Handles) -> None:
    messages = _messages(MANY)
    raws = [{"message_id": row["id"], "data": bytes(range(256)) * row["id"]} for row in messages]
    _insert(handles, Message, messages)
    _insert(handles, RawMessage, raws)
    assert _stored(handles, Message, list(messages[0])) == messages
    assert [bytes(row["data"]) for row in _stored(handles, RawMessage, ["data"])] == [row["data"] for row in raws]


def test_what_is_not_given_is_counted_up_by_the_database(handles: Handles) -> None:
    now = utcnow()
    outgoing = OutgoingMessage(id=1, message_id="<1@x>", created_at=now, next_attempt_at=now).model_dump()
    _insert(handles, OutgoingMessage, [outgoing])
    attempts = [
        {"outgoing_id": 1, "number": number, "mailbox_id": None, "mailbox": "m", "host": "", "phase": "", "text": "",
         "enhanced_code": "", "outcome": "sent", "started_at": now, "ms": number / 3}
        for number in range(MANY)
    ]  # fmt: skip
    _insert(handles, Attempt, attempts)
    assert _stored(handles, Attempt, list(attempts[0])) == attempts
    assert len({row["id"] for row in _stored(handles, Attempt, ["id"])}) == MANY


@pytest.mark.parametrize(
    "wrong",
    [{"uid": 1}, {"subject": "a\0b"}, {"epoch": 2**40}, {"uidvalidity": 2**70}],
    ids=["a key that is there", "a NUL", "more than 32 bits", "more than 64 bits"],
)
@ON_POSTGRES
def test_of_rows_of_which_one_is_refused_none_is_taken(handles: Handles, wrong: dict[str, Any]) -> None:
    first, *others = _messages(MANY)
    _insert(handles, Message, [first])
    others[-1] |= wrong
    with pytest.raises(StoreRefused):
        _insert(handles, Message, others)
    assert [row["id"] for row in _stored(handles, Message, ["id"])] == [1]


@ON_POSTGRES
def test_tables_of_which_roles_see_some_rows_take_no_copy(handles: Handles) -> None:
    executed: list[str] = []
    event.listen(handles.database._writers, "before_cursor_execute", lambda *given: executed.append(given[2]))
    line = {"at": utcnow(), "actor": "a", "verb": "wake", "kind": "record", "name": "1"}
    _insert(handles, Audit, [line] * MANY)
    _insert(handles, Message, _messages(MANY))
    assert [one.split()[0] for one in executed if "audit" in one or "COPY" in one] == ["INSERT", "COPY"]
