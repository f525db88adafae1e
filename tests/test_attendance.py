"""That nobody does the work is noticed by whoever looks: alerts, doctor, the next worker."""

import os
import threading
import uuid
from datetime import timedelta

import pytest

from core import clock
from core.attendance import tell_unattended, unattended
from core.db import bulk
from core.handin import hand_in
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Alert, OutgoingMessage, Worker
from core.outbox.pick_up import pick_up
from core.services.doctor.examination import Level, examine
from core.workers.loop import run_workers
from core.workers.telling.teller import Teller
from tests.accounts import ON_SQLITE, add_account, change_account, change_status, rows_of
from tests.outbound.world import change, mail, put, set_setting

HOUR = timedelta(hours=1)


def add_worker(handles: Handles, role: str, *, seconds_ago: float = 0) -> None:
    then = clock.utcnow() - timedelta(seconds=seconds_ago)
    row = {"id": uuid.uuid4().hex, "host": "h", "pid": 1, "role": role, "started_at": then, "heartbeat_at": then}
    handles.database.writing(lambda session: bulk.upsert(session, Worker, [row]))


def add_overdue_account(handles: Handles, name: str = "support") -> int:
    account = add_account(handles, name=name)
    change_status(handles, account, due_at=clock.utcnow() - HOUR)
    return account


def add_overdue_message(handles: Handles) -> None:
    put(handles)
    change(handles, OutgoingMessage, next_attempt_at=clock.utcnow() - HOUR)


def found(handles: Handles) -> list[str]:
    return [one.work for one in unattended(handles, clock.utcnow())]


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


@pytest.mark.parametrize(
    ("role", "seconds_ago", "is_noticed"),
    [("fetch", 0, False), ("both", 0, False), ("send", 0, True), ("both", 60, True), ("fetch", 60, True)],
)
def test_accounts_that_wait_while_nobody_fetches_are_noticed(
    handles: Handles, role: str, seconds_ago: float, is_noticed: bool
) -> None:
    add_overdue_account(handles)
    add_worker(handles, role, seconds_ago=seconds_ago)
    assert found(handles) == (["fetch"] if is_noticed else [])


@ON_SQLITE
def test_accounts_that_nobody_should_fetch_now_do_not_count(handles: Handles) -> None:
    paused, invalid, gone, held, recent = (add_overdue_account(handles, name) for name in "abcde")
    change_status(handles, paused, paused=True)
    change_account(handles, invalid, validity="invalid")
    change_account(handles, gone, deleted_at=clock.utcnow())
    change_status(handles, held, lease_until=clock.utcnow() + HOUR)
    change_status(handles, recent, due_at=clock.utcnow() - timedelta(minutes=1))
    assert found(handles) == []


@ON_SQLITE
def test_mail_that_waits_while_nobody_sends_is_noticed(handles: Handles) -> None:
    add_overdue_message(handles)
    add_worker(handles, "fetch")
    assert found(handles) == ["send"]
    add_worker(handles, "send")
    assert found(handles) == []


@ON_SQLITE
def test_mail_in_the_drop_folder_counts(handles: Handles) -> None:
    hand_in(handles.environment, OutgoingEnvelope(recipients=("bob@example.org",)), mail("late"))
    (waiting,) = [path for path in handles.environment.drop.iterdir() if not path.name.startswith(".")]
    assert found(handles) == []
    an_hour_ago = (clock.utcnow() - HOUR).timestamp()
    os.utime(waiting, (an_hour_ago, an_hour_ago))
    assert found(handles) == ["send"]
    pick_up(handles)
    assert found(handles) == []


@ON_SQLITE
def test_one_alert_closed_by_the_worker_that_comes(handles: Handles) -> None:
    add_overdue_account(handles)
    tell_unattended(handles)
    tell_unattended(handles)
    assert alerts(handles) == [("worker:fetch", True)]
    assert "postroom --worker" in rows_of(handles, Alert, "id")[0].text
    add_worker(handles, "both")
    tell_unattended(handles)
    assert alerts(handles) == [("worker:fetch", False)]


@ON_SQLITE
def test_a_worker_tells_that_nobody_does_the_other_half(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.telling.teller.LOOK_AROUND", 0.0)
    add_overdue_account(handles)
    add_worker(handles, "send")
    stop = threading.Event()
    monkeypatch.setattr("core.workers.telling.teller.tell", lambda *_: stop.set())
    Teller(handles, stop).run()
    assert alerts(handles) == [("worker:fetch", True)]


@ON_SQLITE
def test_the_next_worker_tells_that_nobody_was_there_for_long(handles: Handles) -> None:
    add_overdue_account(handles)
    set_setting(handles, "alerts.fetch_silence", "90m")
    stop = threading.Event()
    stop.set()
    run_workers(handles, only="fetch", stop=stop)
    assert alerts(handles) == []
    set_setting(handles, "alerts.fetch_silence", "30m")
    run_workers(handles, only="fetch", stop=stop)
    assert alerts(handles) == [("worker:fetch", True)]


@ON_SQLITE
def test_the_doctor_calls_it_an_error(handles: Handles) -> None:
    def finding() -> tuple[Level, str]:
        (one,) = [one for one in examine(handles.environment, lambda: handles) if one.check == "workers"]
        return one.level, one.text

    add_account(handles)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Handles, "close", lambda _: None)
        assert finding()[0] is Level.WARNING
        add_overdue_account(handles)
        add_overdue_message(handles)
        level, text = finding()
    assert level is Level.ERROR
    assert "No worker is alive that fetches. Accounts wait since" in text
    assert "Start one: postroom --worker; No worker is alive that sends. Mail waits since" in text
