"""The disk guard: with too little room left nothing more is fetched, and nothing is lost by that."""

import threading

import pytest

from core.errors import StoreFull
from core.handles import Handles
from core.inbound import disk_guard
from core.inbound.disk_guard import shortage_of, tell_shortage
from core.inbound.run import halting
from core.models import Alert, RunState
from core.runlog import Line
from core.services import settings
from core.services.actor import Actor
from core.workers.fetcher import Fetcher
from tests.accounts import ON_SQLITE, add_account, at, fetch, message, rows_of, stored
from tests.servers.dovecot import DovecotServer

MORE_THAN_ANY_DISK = 900_000 << 30


def leave_free(handles: Handles, admin: Actor, size: int) -> None:
    settings.change(handles, admin, {"min_free_disk": size})


def test_room_is_short_only_below_the_setting() -> None:
    assert shortage_of(500, 500, "/var/lib/postroom") is None
    assert "The disk of /var/lib/postroom has less than 500MiB" in (
        shortage_of(499 << 20, 500 << 20, "/var/lib/postroom") or ""
    )


@ON_SQLITE
def test_by_hand_nothing_is_fetched_without_room_and_it_is_said_why(
    handles: Handles, admin: Actor, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("waits")])
    add_account(handles, **at(dovecot, user))
    leave_free(handles, admin, MORE_THAN_ANY_DISK)

    with pytest.raises(StoreFull, match="min_free_disk"):
        fetch(handles)

    leave_free(handles, admin, 0)
    assert fetch(handles).counts.fetched == 1


@ON_SQLITE
def test_a_worker_begins_no_run_without_room_and_goes_on_by_itself(
    handles: Handles, admin: Actor, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_guard, "LOOK_EVERY", 0.0)
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("waits")])
    add_account(handles, **at(dovecot, user))
    fetcher = Fetcher(handles, threading.Event())
    try:
        leave_free(handles, admin, MORE_THAN_ANY_DISK)
        assert fetcher.fetch_due() == 0
        with pytest.raises(StoreFull):
            fetcher.fetch_named("*")

        leave_free(handles, admin, 0)
        fetcher.fetch_until_done()
    finally:
        fetcher.close()
    assert len(stored(handles)) == 1


@ON_SQLITE
def test_a_run_that_fills_the_disk_ends_after_its_batch_and_the_rest_waits_on_the_server(
    handles: Handles, admin: Actor, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "LOOK_EVERY", 0.0)
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(f"no {number}") for number in range(250)])
    add_account(handles, **at(dovecot, user), after_fetch="delete")

    def fill_the_disk(line: Line) -> None:
        if line.step == "stored":
            leave_free(handles, admin, MORE_THAN_ANY_DISK)

    ended = fetch(handles, listener=fill_the_disk)

    assert ended.outcomes[0].state is RunState.FAILED
    assert "min_free_disk" in ended.outcomes[0].error
    assert ended.exit_code == 75
    taken = len(stored(handles))
    assert 0 < taken < 250
    assert len(dovecot.mails(user)) == 250 - taken

    leave_free(handles, admin, 0)
    assert fetch(handles).counts.fetched == 250 - taken
    assert len(stored(handles)) == 250


def test_an_alert_is_open_while_room_is_short(handles: Handles, admin: Actor) -> None:
    leave_free(handles, admin, MORE_THAN_ANY_DISK)
    tell_shortage(handles)
    is_seen = handles.environment.is_sqlite  # PostgreSQL's disk is another machine's
    assert [alert.subject for alert in rows_of(handles, Alert, "id")] == (["disk"] if is_seen else [])

    leave_free(handles, admin, 0)
    tell_shortage(handles)
    assert all(alert.closed_at is not None for alert in rows_of(handles, Alert, "id"))
