"""Orders to workers: rows, followed by their events, until nobody is at them any more."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from core.clock import utcnow
from core.db.bulk import table_of
from core.db.changes import Watcher
from core.errors import NotFound, NotPermitted, WorkerNeeded
from core.handles import Handles
from core.models import Request, RequestEvent, RequestState, Worker
from core.secret import Secret
from core.services import requests
from core.services.actor import Actor
from core.workers.orders import finish, report, take_orders
from tests.services.traffic import OPERATOR, VIEWER, worker_row
from tests.services.worlds import NOW, put, shown


def test_an_order_is_a_row_and_its_events_are_followed(handles: Handles) -> None:
    put(handles, worker_row("w", 1))
    watcher = Watcher(handles.database)
    order = requests.ask(handles, OPERATOR, "fetch", "account:support", arguments={"debug": True})

    assert "request" in watcher.changed()
    watcher.close()
    assert requests.follow(handles, order).state is RequestState.ASKED
    put(handles, *(RequestEvent(request_id=order, seq=seq, at=NOW, step=f"s{seq}") for seq in (1, 2, 3)))

    def finish(session: Session) -> None:
        table = table_of(Request)
        session.connection().execute(update(table).where(table.c.id == order).values(state="done", run_id=5))

    handles.database.writing(finish)
    progress = requests.follow(handles, order, 1)
    assert [event["step"] for event in progress.events] == ["s2", "s3"]
    assert (progress.is_over, progress.run_id) == (True, 5)
    with handles.database.reading() as session:
        row = session.get(Request, order)
    assert row is not None
    assert shown(row.model_dump(), "kind", "subject", "arguments", "asked_by") == {
        "kind": "fetch", "subject": "account:support", "arguments": {"debug": True}, "asked_by": "otto@h",
    }  # fmt: skip


def test_values_of_an_order_are_sealed(handles: Handles, admin: Actor) -> None:
    values = {"host": "h", "password": Secret("kanarienvogel")}
    order = requests.ask(handles, admin, "test", "account:new", values=values)

    with handles.database.reading() as session:
        row = session.get(Request, order)
    assert row is not None
    assert b"kanarienvogel" not in (row.sealed_values or b"")
    assert handles.vault.open_values(row.sealed_values or b"") == values


def test_an_order_needs_its_role(handles: Handles) -> None:
    with pytest.raises(NotPermitted):
        requests.ask(handles, VIEWER, "fetch", "account:support")
    with pytest.raises(NotFound):
        requests.follow(handles, 999)


def _write_worker(handles: Handles, name: str, seconds_ago: float) -> None:
    beat = update(table_of(Worker)).where(col(Worker.id) == name)
    at = utcnow() - timedelta(seconds=seconds_ago)
    handles.database.writing(lambda session: session.connection().execute(beat.values(heartbeat_at=at)) and None)


def test_who_follows_an_order_hears_that_nobody_is_at_it_any_more(handles: Handles, admin: Actor) -> None:
    put(handles, worker_row("another", 1))
    first, second = (requests.ask(handles, admin, "test", "account:support") for _ in range(2))
    assert not requests.follow(handles, first).is_over

    taken, other = take_orders(handles, ("test",))
    with pytest.raises(WorkerNeeded, match="the worker that was at it is gone"):
        requests.follow(handles, first)

    put(handles, worker_row(handles.worker_id, 1))
    assert not requests.follow(handles, first).is_over
    report(handles, taken, "resolve", ok=True)
    _write_worker(handles, handles.worker_id, 120)
    assert [event["step"] for event in requests.follow(handles, first).events] == ["resolve"], (
        "what was told comes first"
    )
    with pytest.raises(WorkerNeeded):
        requests.follow(handles, first, 1)

    asked = requests.ask(handles, admin, "test", "account:support")
    _write_worker(handles, "another", 120)
    with pytest.raises(WorkerNeeded, match="No worker is running any more"):
        requests.follow(handles, asked)
    finish(handles, other, ok=False)  # as the sweep does with what nobody carries out
    with pytest.raises(WorkerNeeded, match="the worker that was at it is gone"):
        requests.follow(handles, second)
