"""Several fetchers on the same accounts: each run is made once, whoever asks; nobody takes all there is."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import clock
from core.environment import Environment
from core.errors import InvalidAccount, NotFound
from core.gateway import open_gateway
from core.handles import Handles
from core.inbound.due import claim_due
from core.models import Run
from core.runlog import Line
from core.workers import chosen
from core.workers.fetch_now import FetchSummary
from core.workers.fetcher import Fetcher
from tests.accounts import (
    LONG_AGO,
    ON_SQLITE,
    add_account,
    at,
    change_account,
    change_status,
    claim_account,
    expire_leases,
    fetch,
    fetched_well,
    lines,
    message,
    raws,
    records,
    rows_of,
    run_row,
    stored,
)
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Line as Said
from tests.fakes.proxy import Proxy
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE

LATER = datetime(2099, 1, 1, tzinfo=UTC)


@contextmanager
def another(home: Environment) -> Iterator[Handles]:
    """What another process on the same home would hold open."""
    opened = open_gateway(home)
    try:
        yield opened
    finally:
        opened.close()


class UnderWay:
    """A run that asks for messages, and goes on when somebody else follows it."""

    def __init__(self) -> None:
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def watch(self, said: Said) -> None:
        if "BODY.PEEK" in said.text:
            self.has_begun.set()
            self.may_go_on.wait(PATIENCE)


def test_a_second_fetch_follows_the_first_and_reports_its_counts(
    handles: Handles, home: Environment, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(60)]
    dovecot.deliver(user, mails)
    under_way = UnderWay()
    followed: list[Line] = []

    def follow(line: Line) -> None:
        followed.append(line)
        under_way.may_go_on.set()

    with (
        Proxy(dovecot.ports.imap, watch=under_way.watch) as proxy,
        another(home) as other,
        ThreadPoolExecutor() as pool,
    ):
        add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        first = pool.submit(fetch, handles, "a")
        assert under_way.has_begun.wait(PATIENCE)
        second: FetchSummary = fetch(other, "a", listener=follow)
        assert proxy.connections == 1

    (leader,), (follower,) = first.result().outcomes, second.outcomes
    assert (follower.run_id, follower.state, follower.counts) == (leader.run_id, "ok", leader.counts)
    assert second.counts.fetched == 60
    told, *lines_of_it = followed
    assert (told.step, f"run {leader.run_id} is at it already" in told.text) == ("follow", True)
    assert [f"{line.level} {line.step} {line.text}" for line in lines_of_it] == lines(handles, leader.run_id)
    assert raws(handles) == mails


def test_who_follows_a_run_that_fails_fails_as_it_does(
    handles: Handles, home: Environment, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    under_way = UnderWay()
    cut = Rule(Direction.TO_CLIENT, Fault.CUT, at=rb"Message 1")
    with (
        Proxy(dovecot.ports.imap, cut, watch=under_way.watch) as proxy,
        another(home) as other,
        ThreadPoolExecutor() as pool,
    ):
        add_account(handles, **{**at(dovecot, user), "port": proxy.port})
        first = pool.submit(fetch, handles, "a")
        assert under_way.has_begun.wait(PATIENCE)
        second = fetch(other, "a", listener=lambda line: under_way.may_go_on.set())
    assert [(one.state, one.fault, one.error) for one in second.outcomes] == [
        (one.state, one.fault, one.error) for one in first.result().outcomes
    ]
    assert second.exit_code == 75


def followed_until(handles: Handles, then: Callable[[], None], stop: threading.Event | None = None) -> FetchSummary:
    """Begin to follow a run that nobody makes, then do something."""
    is_following = threading.Event()
    with ThreadPoolExecutor() as pool:
        following = pool.submit(
            fetch, handles, "a", listener=lambda line: is_following.set(), stop=stop or threading.Event()
        )
        assert is_following.wait(PATIENCE)
        then()
        return following.result(PATIENCE)


def left_running(handles: Handles, dovecot: DovecotServer) -> int:
    """A claimed account whose worker says one line and no more."""
    from core.runlog import RunLog

    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    account = add_account(handles, **at(dovecot, user))
    claimed = claim_account(handles, account)
    assert claimed is not None
    log = RunLog(handles, claimed.run_id, "a")
    log.complaint("the last one")
    log.flush(at_once=True)
    return account


def test_who_follows_a_worker_that_dies_takes_over(handles: Handles, dovecot: DovecotServer) -> None:
    left_running(handles, dovecot)
    summary = followed_until(handles, lambda: expire_leases(handles))
    assert summary.outcomes[0].state == "ok"
    assert raws(handles) == [message(1)]
    assert [row.state for row in rows_of(handles, Run, "id")] == ["aborted", "ok"]


@ON_SQLITE
def test_who_follows_can_be_stopped(handles: Handles, dovecot: DovecotServer) -> None:
    left_running(handles, dovecot)
    stop = threading.Event()
    followed_until(handles, stop.set, stop)
    assert run_row(handles, 1).state == "running"


@ON_SQLITE
def test_an_account_that_is_deleted_meanwhile_is_not_waited_for(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = dovecot.fresh_user()
    account = add_account(handles, **at(dovecot, user))
    named = chosen.accounts_named

    def named_before(*arguments: Any) -> Any:
        found = named(*arguments)
        change_account(handles, account, deleted_at=clock.utcnow())
        return found

    monkeypatch.setattr(chosen, "accounts_named", named_before)
    outcome = fetch(handles, "a").outcomes[0]
    assert outcome.counts.fetched == 0
    assert "deleted" in outcome.error


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_four_fetchers_at_once_take_each_message_in_once(
    handles: Handles, home: Environment, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(130)]
    dovecot.deliver(user, mails)
    add_account(handles, after_fetch="delete", max_messages=40, **at(dovecot, user, kind))
    begin = threading.Barrier(4)

    def fetch_at_once(_: int) -> FetchSummary:
        with another(home) as mine:
            begin.wait(PATIENCE)
            return fetch(mine)

    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(fetch_at_once, range(4)))

    assert [outcome.error for summary in summaries for outcome in summary.outcomes] == [""] * 4
    assert raws(handles) == mails
    assert len(records(handles)) == 130
    assert dovecot.mails(user) == []
    runs = rows_of(handles, Run, "id")
    assert sum(row.fetched for row in runs) == 130
    assert {row.state for row in runs} == {"ok"}


def test_workers_share_what_is_due_and_no_account_is_fetched_twice(
    handles: Handles, home: Environment, dovecot: DovecotServer
) -> None:
    for number in range(12):
        user = dovecot.fresh_user()
        dovecot.deliver(user, [message(f"{number}-{each}") for each in range(2)])
        add_account(handles, name=f"account{number}", **{**at(dovecot, user), "host": f"127.0.0.{1}"})

    def work(_: int) -> None:
        with another(home) as mine:
            one = Fetcher(mine, threading.Event())
            one.fetch_until_done()
            one.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    # A worker that finds everything in others' hands is done; what is left is fetched by the next pass.
    work(0)

    assert len(stored(handles)) == 24
    assert len(rows_of(handles, Run, "id")) == 12


# -- what is claimed ------------------------------------------------------------------------------------------------


def test_of_one_server_so_many_accounts_are_claimed_and_no_more(handles: Handles) -> None:
    for number in range(6):
        add_account(handles, name=f"big{number}", host="big.example", priority=1)
    for number in range(2):
        add_account(handles, name=f"small{number}", host="small.example", priority=5)
    settings = handles.settings().model_copy(update={"slots_per_host": 4})

    claimed = claim_due(handles, settings, 10)

    assert [one.account.host for one in claimed].count("big.example") == 4
    assert [one.account.host for one in claimed].count("small.example") == 2
    # What is held counts, whoever holds it.
    assert claim_due(handles, settings, 10) == []


def test_first_the_lowest_priority_number_then_the_longest_overdue(handles: Handles) -> None:
    now = clock.utcnow()
    for name, priority, minutes in [("late", 5, 1), ("later", 5, 9), ("important", 1, 2)]:
        account = add_account(handles, name=name, host=f"{name}.example", priority=priority)
        change_status(handles, account, due_at=now - timedelta(minutes=minutes))
    assert [one.account.name for one in claim_due(handles, handles.settings(), 2)] == ["important", "later"]


@pytest.mark.parametrize(
    ("account_values", "status_values"),
    [
        ({"validity": "invalid"}, {}),
        ({"validity": "invalid-temporarily"}, {}),
        ({"deleted_at": LONG_AGO}, {}),
        ({}, {"paused": True}),
        ({}, {"due_at": LATER}),
        ({}, {"retry_after": LATER}),
        ({}, {"lease_until": LATER, "lease_owner": "another"}),
    ],
    ids=["invalid", "invalid for now", "deleted", "paused", "not due", "told to wait", "held"],
)
def test_an_account_that_is_not_to_be_fetched_is_not_claimed(
    handles: Handles, account_values: dict[str, Any], status_values: dict[str, Any]
) -> None:
    account = add_account(handles)
    if account_values:
        change_account(handles, account, **account_values)
    if status_values:
        change_status(handles, account, **status_values)
    assert claim_due(handles, handles.settings(), 5) == []


def test_each_claim_has_a_greater_fence(handles: Handles) -> None:
    account = add_account(handles)
    fences = []
    for _ in range(3):
        claimed = claim_account(handles, account)
        assert claimed is not None
        fences.append(claimed.lease.fence)
        assert claim_account(handles, account) is None
        expire_leases(handles)
    assert fences == [1, 2, 3]


@ON_SQLITE
def test_by_name_back_off_and_pause_do_not_count(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    account = add_account(handles, **at(dovecot, user))
    later = clock.utcnow() + timedelta(hours=1)
    change_status(handles, account, paused=True, due_at=later, retry_after=later, failures=3)
    assert fetched_well(handles, "a").counts.fetched == 1


@ON_SQLITE
def test_an_unknown_or_invalid_name_is_refused_before_anything_is_fetched(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, **at(dovecot, user))
    invalid = add_account(handles, name="off")
    change_account(handles, invalid, validity="invalid")
    with pytest.raises(NotFound, match="'nobody'"):
        fetch(handles, "a", "nobody")
    with pytest.raises(InvalidAccount, match="off is invalid"):
        fetch(handles, "a", "off")
    assert stored(handles) == []
    # Without names the invalid one is simply not among them.
    assert fetched_well(handles).accounts == 1


@ON_SQLITE
def test_one_failing_account_does_not_touch_the_others(handles: Handles, dovecot: DovecotServer) -> None:
    for number in range(3):
        user = dovecot.fresh_user()
        dovecot.deliver(user, [message(number)])
        password = "wrong" if number == 1 else "secret"
        add_account(handles, name=f"account{number}", password=password, **at(dovecot, user))
    summary = fetch(handles)
    assert (summary.accounts, summary.failed, summary.counts.fetched, summary.exit_code) == (3, 1, 2, 78)
