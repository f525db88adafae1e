"""An upgrade that breaks off at any statement: the next one ends it, and all rows are there."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import event
from sqlmodel import Session

import core.db.upgrade
from core.db.engine import make_engine
from core.db.schema import REVISION, revision_of
from core.db.upgrade import alembic_config, upgrade
from core.errors import StoreBusy
from core.handles import Handles
from core.models import Mailbox
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound.world import add_mailbox


class Nowhere:
    host, port = "127.0.0.1", 9


class BrokenOff(Exception):
    pass


def set_back_to_the_first_version(handles: Handles) -> None:
    engine = make_engine(handles.environment.database_url, query_only=False)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0001")
        connection.commit()
    engine.dispose()


def breaking_off(at: int, patched: pytest.MonkeyPatch) -> list[str]:
    """The upgrade's engine fails at its n-th statement; gives back what it executes."""
    seen: list[str] = []

    def made(*given: Any, **named: Any) -> Any:
        engine = make_engine(*given, **named)

        def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)
            if len(seen) == at:
                raise BrokenOff

        event.listen(engine, "before_cursor_execute", count)
        return engine

    patched.setattr(core.db.upgrade, "make_engine", made)
    return seen


def test_wherever_it_breaks_off_the_next_one_ends_it(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mailbox(handles, "out", Nowhere())
    steps = 1
    for number in range(1, 1000, 6):
        set_back_to_the_first_version(handles)
        with monkeypatch.context() as patched:
            seen = breaking_off(number, patched)
            try:
                upgrade(handles.environment)
                steps = len(seen)
            except BrokenOff:
                pass
        upgrade(handles.environment)

        assert revision_of(handles.database) == REVISION, number
        assert [mailbox.name for mailbox in rows_of(handles, Mailbox, "id")] == ["out"], number
        if steps > 1:
            break
    assert steps > 20


@ON_SQLITE
def test_a_database_that_somebody_keeps_busy_is_left_as_it_is(
    handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back_to_the_first_version(handles)
    monkeypatch.setattr(core.db.upgrade, "WRITE_PATIENCE", 0.05)

    def in_the_middle(_: Session) -> None:
        with pytest.raises(StoreBusy):
            upgrade(handles.environment)

    handles.database.writing(in_the_middle)
    assert revision_of(handles.database) == "0001"
    upgrade(handles.environment)
    assert revision_of(handles.database) == REVISION
