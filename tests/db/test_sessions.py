"""What goes over the bare connection and what goes by objects are one transaction, on both engines."""

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from core.clock import utcnow
from core.db.bulk import insert_rows
from core.handles import Handles
from core.models import Queue


def queue(name: str) -> Queue:
    now = utcnow()
    return Queue(name=name, created_at=now, updated_at=now)


def names(handles: Handles) -> set[str]:
    with handles.database.reading() as session:
        return {one.name for one in session.scalars(select(Queue).where(col(Queue.name).like("t-%")))}


def add_both_ways(session: Session) -> None:
    insert_rows(session, Queue, [queue("t-row").model_dump(exclude={"id"})])
    session.add(queue("t-object"))
    session.flush()
    insert_rows(session, Queue, [queue("t-row after").model_dump(exclude={"id"})])


def test_both_are_there_together(handles: Handles) -> None:
    handles.database.writing(add_both_ways)
    assert names(handles) == {"t-row", "t-object", "t-row after"}


def test_neither_is_there_when_it_fails(handles: Handles) -> None:
    def fail(session: Session) -> None:
        add_both_ways(session)
        raise LookupError

    with pytest.raises(LookupError):
        handles.database.writing(fail)
    assert names(handles) == set()


def test_what_was_added_and_not_flushed_is_written(handles: Handles) -> None:
    handles.database.writing(lambda session: session.add(queue("t-late")))
    assert names(handles) == {"t-late"}
