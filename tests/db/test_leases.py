"""Leases on both engines: one holder at a time, and a fence that stops the one before."""

import threading
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlmodel import Session

from core import clock
from core.clock import utcnow
from core.db.leases import Lease, Renewer, claim, hold, release
from core.errors import LeaseLost
from core.handles import Handles
from core.models import AccountStatus
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tests.accounts import ON_SQLITE
from tests.waiting import PATIENCE, until


@pytest.fixture
def account(handles: Handles, admin: Actor) -> int:
    return accounts.add(handles, admin, "a", {"type": "IMAPS", "host": "h", "username": "u"}).id


def _claim(
    handles: Handles, account: int, owner: str, *, seconds: float = 60, now: datetime | None = None
) -> Lease | None:
    moment = now or utcnow()
    return handles.database.writing(
        lambda session: claim(session, AccountStatus, account, owner, now=moment, seconds=seconds)
    )


def test_a_free_row_is_claimed_once(handles: Handles, account: int) -> None:
    first = _claim(handles, account, "one")

    assert first is not None
    assert first.fence == 1
    assert _claim(handles, account, "two") is None


def test_a_row_that_is_not_there_is_nobodys(handles: Handles) -> None:
    assert _claim(handles, 999, "one") is None


def test_each_claim_has_a_higher_fence(handles: Handles, account: int) -> None:
    fences = []
    for _ in range(3):
        lease = _claim(handles, account, "one")
        assert lease is not None
        fences.append(lease.fence)
        assert handles.database.writing(lambda session, mine=lease: release(session, mine))

    assert fences == [1, 2, 3]


def test_an_expired_lease_is_taken_over_and_stops_the_one_before(handles: Handles, account: int) -> None:
    old = _claim(handles, account, "slow", seconds=-1)
    new = _claim(handles, account, "quick")
    assert old is not None
    assert new is not None

    with pytest.raises(LeaseLost, match="Another worker"):
        handles.database.writing(lambda session: hold(session, old, utcnow(), 60))
    assert not handles.database.writing(lambda session: release(session, old))
    handles.database.writing(lambda session: hold(session, new, utcnow(), 60))


def test_a_write_under_a_lost_lease_is_rolled_back(handles: Handles, account: int) -> None:
    old = _claim(handles, account, "slow", seconds=-1)
    _claim(handles, account, "quick")
    assert old is not None

    def write(session: Session) -> None:
        status = session.get(AccountStatus, account)
        assert status is not None
        status.last_error = "written by the slow one"
        session.add(status)
        session.flush()
        hold(session, old, utcnow(), 60)

    with pytest.raises(LeaseLost):
        handles.database.writing(write)
    with handles.database.reading() as session:
        status = session.get(AccountStatus, account)
    assert status is not None
    assert status.last_error == ""


def test_of_a_crowd_one_gets_the_row(handles: Handles, account: int) -> None:
    start = threading.Barrier(8, timeout=PATIENCE)
    won: list[Lease | None] = []

    def run(number: int) -> None:
        start.wait()
        won.append(_claim(handles, account, f"w{number}"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(lease is not None for lease in won) == 1


def test_a_kept_lease_is_renewed_and_a_lost_one_noticed(handles: Handles, account: int) -> None:
    lease = _claim(handles, account, "one", seconds=0.3)
    assert lease is not None
    claimed_until = _lease_until(handles, account)
    renewer = Renewer(handles.database, 0.3)
    renewer.keep(lease)
    try:
        until(lambda: _lease_until(handles, account) > claimed_until)
        handles.database.writing(lambda session: release(session, lease))
        _claim(handles, account, "two")  # the fence grows: what the first holds is void
        until(lambda: not renewer.outlives(lease, 0))
    finally:
        renewer.close()


def test_leases_are_renewed_though_the_thread_for_it_could_not_begin_at_first(
    handles: Handles, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    lease = _claim(handles, account, "one", seconds=0.3)
    assert lease is not None
    claimed_until = _lease_until(handles, account)
    renewer = Renewer(handles.database, 0.3)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            renewer.keep(lease)
    renewer.keep(lease)
    try:
        until(lambda: _lease_until(handles, account) > claimed_until)
    finally:
        renewer.close()


@ON_SQLITE
def test_a_fault_of_ours_ends_one_renewal_not_all(
    handles: Handles, account: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lease = _claim(handles, account, "one", seconds=0.3)
    assert lease is not None
    claimed_until = _lease_until(handles, account)
    renewer = Renewer(handles.database, 0.3)
    has_failed = threading.Event()
    renewal = renewer._renewal

    def failing(held: list[Lease]) -> Any:
        if has_failed.is_set():
            return renewal(held)
        has_failed.set()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(renewer, "_renewal", failing)
    renewer.keep(lease)
    try:
        until(lambda: _lease_until(handles, account) > claimed_until)
    finally:
        renewer.close()
    assert has_failed.is_set()
    assert "a fault of ours" in caplog.text


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_a_renewal_waits_for_no_row_that_is_being_written_and_loses_none(
    handles: Handles, admin: Actor, account: int
) -> None:
    other = accounts.add(handles, admin, "b", {"type": "IMAPS", "host": "h", "username": "v"}).id
    leases = [lease for lease in (_claim(handles, one, "me") for one in (account, other)) if lease is not None]
    renewer = Renewer(handles.database, 60)
    renewer._held = dict.fromkeys(leases, clock.monotonic() + 20)
    with psycopg.connect(handles.environment.database_url) as writer:
        writer.execute("UPDATE account_status SET failures = 1 WHERE account_id = %s", (account,))
        renewer._renew(leases)
    assert [renewer.outlives(lease, seconds) for lease in leases for seconds in (10, 50)] == [True, False, True, True]
    renewer._renew(leases)
    assert all(renewer.outlives(lease, 50) for lease in leases)


def test_a_lease_outlives_only_what_is_shorter(handles: Handles, account: int) -> None:
    lease = _claim(handles, account, "one")
    assert lease is not None
    renewer = Renewer(handles.database, 60)
    renewer.keep(lease)

    assert renewer.outlives(lease, 30)
    assert not renewer.outlives(lease, 90)
    renewer.let_go(lease)
    assert not renewer.outlives(lease, 0)
    renewer.close()


def _lease_until(handles: Handles, account: int) -> datetime:
    with handles.database.reading() as session:
        status = session.get(AccountStatus, account)
    assert status is not None
    return status.lease_until or utcnow() - timedelta(days=1)
