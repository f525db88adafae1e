"""Many accounts at once: none starves another, and a person's word counts."""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial

import pytest

from core import clock
from core.db import bulk
from core.errors import NotFound
from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.run.fetch import FetchOptions
from core.models import AccountStatus, Run, RunState, Setting
from core.protocols.server import Timeouts
from core.runlog import Line
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.requests import ask
from core.workers import slots
from core.workers.fetcher import Fetcher
from core.workers.slots import ASKED_AT_ONCE
from tests.accounts import (
    add_account,
    change_status,
    claim_account,
    fetch,
    fetched_well,
    message,
    records,
    rows_of,
    status_of,
)
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.steps import GREETING, Command, Drip, Reply, Silence, Step
from tests.waiting import PATIENCE, until
from tests.workers.working import working

IN_AN_HOUR = timedelta(hours=1)
ENDLESS_GREETING = b"* OK " + b"x" * 10_000


@contextmanager
def fetching(handles: Handles, servers: ExitStack) -> Iterator[Fetcher]:
    """A fetcher; the servers end first, so that nothing hangs at the end."""
    stop = threading.Event()
    fetcher = Fetcher(handles, stop)
    try:
        yield fetcher
    finally:
        stop.set()
        servers.close()
        fetcher.close()


def set_settings(handles: Handles, **values: object) -> None:
    rows = [{"name": name, "value": value} for name, value in values.items()]
    handles.database.writing(lambda session: bulk.upsert(session, Setting, rows))


def runs_of(handles: Handles, account_id: int) -> list[Run]:
    return [run for run in rows_of(handles, Run, "id") if run.account_id == account_id]


def held_up(usual: Reply, may_end: threading.Event) -> Reply:
    def answer(command: Command) -> Iterable[Step]:
        may_end.wait(PATIENCE)
        return usual(command) if callable(usual) else usual

    return answer


class Busy:
    """How many connections were logged in at once, at most; each waits for another one to come."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()
        self._two = threading.Barrier(2, timeout=PATIENCE)

    def come(self, _: Command) -> list[Step]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._two.wait()
        return ["$tag OK logged in"]

    def go(self, _: Command) -> list[Step]:
        with self._lock:
            self._now -= 1
        return ["* BYE", "$tag OK bye"]


def silent(host: str) -> ScriptedImap:
    return ScriptedImap({GREETING: [Silence()]}, host=host)


@pytest.fixture
def hangs_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs hangs to the end, however long the others take on this machine."""
    monkeypatch.setattr(slots, "FetchOptions", partial(FetchOptions, timeouts=Timeouts(login=10 * PATIENCE)))


@pytest.mark.usefixtures("hangs_to_the_end")
def test_no_account_starves_another(handles: Handles) -> None:
    """One server never answers, one drips, one has far more than a run takes: everybody else is fetched meanwhile."""
    set_settings(handles, fetch_slots=5, slots_per_host=2)
    many: dict[int, bytes | None] = {number: message(number) for number in range(1, 401)}
    with ExitStack() as servers, fetching(handles, servers) as fetcher:
        never = servers.enter_context(silent("127.0.0.2"))
        drip = servers.enter_context(ScriptedImap({GREETING: [Drip(ENDLESS_GREETING, 0.2)]}, host="127.0.0.3"))
        long = servers.enter_context(ScriptedImap(holding(many), host="127.0.0.4"))
        good = servers.enter_context(ScriptedImap(holding({1: message("good")})))
        hanging = [
            add_account(handles, name=f"{name}{number}", host=server.host, port=server.port)
            for name, server in (("never", never), ("drip", drip))
            for number in range(2 if name == "never" else 1)
        ]
        endless = add_account(handles, name="long", host=long.host, port=long.port, max_messages=10)
        others = [add_account(handles, name=f"other{n}", host=good.host, port=good.port) for n in range(30)]

        def has_fetched_others() -> bool:
            fetcher.fetch_due()
            fetched = {
                status.account_id for status in rows_of(handles, AccountStatus, "account_id") if status.last_ok_at
            }
            return fetched.issuperset(others)

        until(has_fetched_others)

        assert [[run.state for run in runs_of(handles, account)] for account in hanging] == [[RunState.RUNNING]] * 3
        # It had its turns, too.
        until(lambda: fetcher.fetch_due() and len(runs_of(handles, endless)) > 1)
        assert status_of(handles, endless).due_at <= clock.utcnow() or len(records(handles)) == 430


@pytest.mark.usefixtures("hangs_to_the_end")
def test_what_a_person_asks_for_does_not_wait_for_slots(handles: Handles) -> None:
    set_settings(handles, fetch_slots=1)
    with ExitStack() as servers, fetching(handles, servers) as fetcher:
        never = servers.enter_context(silent("127.0.0.2"))
        good = servers.enter_context(ScriptedImap(holding({1: message(1)})))
        add_account(handles, name="never", host=never.host, port=never.port)
        until(lambda: fetcher.fetch_due() == 1)
        account = add_account(handles, name="good", host=good.host, port=good.port)
        assert fetcher.fetch_due() == 1
        run_id = fetcher.fetch_named("good")
        until(lambda: status_of(handles, account).last_ok_at is not None)
        assert [run.id for run in runs_of(handles, account)] == [run_id]


def test_who_asks_is_told_the_run_though_it_is_over_by_then(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = slots.Slots.begin

    def begin_and_see_the_end(taken: slots.Slots, claimed: Claimed, **how: bool) -> None:
        begin(taken, claimed, **how)
        until(lambda: status_of(handles, account).last_ok_at is not None)

    monkeypatch.setattr(slots.Slots, "begin", begin_and_see_the_end)
    with ExitStack() as servers, fetching(handles, servers) as fetcher:
        good = servers.enter_context(ScriptedImap(holding({1: message(1)})))
        account = add_account(handles, name="good", host=good.host, port=good.port)
        run_id = fetcher.fetch_named("good")
        assert [run.id for run in runs_of(handles, account)] == [run_id]


@pytest.mark.usefixtures("hangs_to_the_end")
def test_an_order_for_all_leaves_the_slots_to_those_that_are_due(handles: Handles) -> None:
    set_settings(handles, fetch_slots=1, slots_per_host=ASKED_AT_ONCE)
    with ExitStack() as servers, fetching(handles, servers) as fetcher:
        never = servers.enter_context(silent("127.0.0.2"))
        good = servers.enter_context(ScriptedImap(holding({1: message(1)})))
        for number in range(ASKED_AT_ONCE + 3):
            hanging = add_account(handles, name=f"never{number}", host=never.host, port=never.port)
            change_status(handles, hanging, due_at=clock.utcnow() + IN_AN_HOUR)
        assert fetcher.fetch_named("*") is None
        account = add_account(handles, name="good", host=good.host, port=good.port)
        assert fetcher.fetch_due() == ASKED_AT_ONCE + 1
        until(lambda: status_of(handles, account).last_ok_at is not None)


def test_what_a_person_asks_for_waits_for_a_slot_at_its_server(handles: Handles) -> None:
    set_settings(handles, slots_per_host=1)
    held: dict[int, bytes | None] = {1: message(1)}
    may_end = threading.Event()
    with ExitStack() as servers, fetching(handles, servers) as fetcher:
        servers.callback(may_end.set)
        script = holding(held)
        server = servers.enter_context(ScriptedImap({**script, "EXAMINE": held_up(script["EXAMINE"], may_end)}))
        other = servers.enter_context(ScriptedImap(holding({1: message("other")}), host="127.0.0.2"))
        first, second = (add_account(handles, name=name, port=server.port) for name in ("first", "second"))
        elsewhere = add_account(handles, name="elsewhere", host=other.host, port=other.port)
        assert fetcher.fetch_named("first") is not None
        assert fetcher.fetch_named("second") is None
        assert fetcher.fetch_named("elsewhere") is not None
        until(lambda: status_of(handles, elsewhere).last_ok_at is not None)
        fetcher.fetch_due()
        assert runs_of(handles, second) == []
        may_end.set()

        def has_fetched_both() -> bool:
            fetcher.fetch_due()
            return all(status_of(handles, one).last_ok_at for one in (first, second))

        until(has_fetched_both)


def test_fetching_all_by_hand_takes_so_many_of_one_server_at_once(handles: Handles) -> None:
    set_settings(handles, slots_per_host=2)
    busy = Busy()
    with ScriptedImap(holding({1: message(1)}, {"LOGIN": busy.come, "LOGOUT": busy.go})) as server:
        for number in range(8):
            add_account(handles, name=f"a{number}", port=server.port)
        assert fetched_well(handles).accounts == 8
    assert busy.most == 2


def test_fetching_all_by_hand_leaves_out_what_a_person_paused(handles: Handles, admin: Actor) -> None:
    with ScriptedImap(holding({1: message(1)})) as server:
        for name in ("paused", "works"):
            add_account(handles, name=name, port=server.port)
        accounts.pause(handles, admin, "paused")
        assert [outcome.account for outcome in fetched_well(handles).outcomes] == ["works"]
        assert fetched_well(handles, "paused").counts.fetched == 1
    assert accounts.stop(handles, admin, "works") is False


def test_who_waits_for_a_slot_is_told_so_and_may_leave(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.fetch_now.SAID_AFTER", 0.0)
    set_settings(handles, slots_per_host=1)
    account, waiting = (add_account(handles, name=name) for name in ("busy", "waiting"))
    assert claim_account(handles, account) is not None
    stop, told = threading.Event(), []

    def tell(line: Line) -> None:
        told.append(line.text)
        stop.set()

    assert fetch(handles, "waiting", stop=stop, listener=tell).outcomes[0].state == RunState.STOPPED
    assert "slots_per_host" in told[0]
    assert runs_of(handles, waiting) == []


def test_a_person_fetches_pauses_and_resumes_from_anywhere(handles: Handles, admin: Actor) -> None:
    mails: dict[int, bytes | None] = {1: message(1)}
    with ScriptedImap(holding(mails)) as server:
        account = add_account(handles, name="support", port=server.port)
        fetched_well(handles)
        with working(handles):
            mails[2] = message(2)
            ask(handles, admin, "fetch", "account:support")
            until(lambda: len(records(handles)) == 2)

            accounts.pause(handles, admin, "support")
            mails[3] = message(3)
            change_status(handles, account, due_at=clock.utcnow())
            other = add_account(handles, name="other", port=server.port)
            until(lambda: status_of(handles, other).last_ok_at is not None)
            assert len(runs_of(handles, account)) == 2

            accounts.resume(handles, admin, "support")
            until(lambda: len(runs_of(handles, account)) == 3)
            until(lambda: runs_of(handles, account)[-1].state == RunState.OK)


def test_a_name_that_no_account_has_brings_the_nearest_to_mind(handles: Handles) -> None:
    add_account(handles, name="support")
    with pytest.raises(NotFound, match=re.escape("There is no account 'suport'. Did you mean 'support'?")):
        fetch(handles, "suport")
