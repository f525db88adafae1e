"""Slots: who ends a run goes on with the account whose turn is next, and with nobody when it must not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from core import clock
from core.errors import LeaseLost
from core.handles import Handles
from core.inbound.run.closing import close_run, outcome_of
from core.inbound.turns import Room, Waiting
from core.models import Run
from core.runlog import RunLog
from core.workers import slots
from core.workers.slots import Slots
from tests.accounts import ON_SQLITE, add_account, change_status, claim_account, message, rows_of, status_of
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.inbound.test_turns import due
from tests.waiting import until
from tests.workers.test_fetcher import held_up, set_settings

A_MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """One server whose folders open when they may, and accounts that are due there."""

    handles: Handles
    slots: Slots
    stop: threading.Event
    may_open: threading.Event
    accounts: list[int]

    def fetched(self) -> list[int]:
        """The accounts that have been fetched, in their order."""
        return [run.account_id for run in rows_of(self.handles, Run, "id") if run.ended_at is not None]

    def end(self) -> None:
        """Let the runs go on, and wait until no slot is taken."""
        self.may_open.set()
        until(self.is_empty)

    def is_empty(self) -> bool:
        """Whether no slot is taken."""
        self.slots.tidy()
        return not len(self.slots)


@contextmanager
def world(handles: Handles, count: int, may_go_on: Callable[[], bool] = lambda: True) -> Iterator[World]:
    stop, may_open = threading.Event(), threading.Event()
    script = holding({1: message(1)})
    with ScriptedImap({**script, "EXAMINE": held_up(script["EXAMINE"], may_open)}) as server:
        accounts = [add_account(handles, name=f"a{number}", port=server.port) for number in range(count)]
        taken = Slots(handles, stop, threading.Event(), may_go_on)
        try:
            yield World(handles, taken, stop, may_open, accounts)
        finally:
            may_open.set()
            stop.set()
            taken.close()


def test_who_ends_a_run_goes_on_with_the_next_account(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[int] = []
    claim_due = slots.claim_due

    def counted(*given: Any, **named: Any) -> list[Any]:
        claimed = claim_due(*given, **named)
        claims.append(len(claimed))
        return claimed

    monkeypatch.setattr(slots, "claim_due", counted)
    set_settings(handles, fetch_slots=1, slots_per_host=1)
    with world(handles, 4) as at:
        urgent = at.accounts[2]
        change_status(handles, urgent, due_at=clock.utcnow() - A_MINUTE)
        at.slots.fill()
        at.end()
        at.slots.fill()

        others = [one for one in at.accounts if one != urgent]
        assert at.fetched() == [urgent, *others]
        assert claims == [1, 0]
        assert all(status_of(handles, one).lease_until is None for one in at.accounts)


@ON_SQLITE
def test_a_worker_that_is_to_stop_takes_nobody_more(handles: Handles) -> None:
    set_settings(handles, fetch_slots=1)
    with world(handles, 2) as at:
        at.slots.fill()
        at.stop.set()
        at.end()
        assert at.fetched() == at.accounts[:1]
        assert status_of(handles, at.accounts[1]).fence == 0


@ON_SQLITE
def test_a_worker_that_may_not_go_on_takes_nobody_more(handles: Handles) -> None:
    set_settings(handles, fetch_slots=1)
    with world(handles, 2, may_go_on=lambda: False) as at:
        at.slots.fill()
        at.end()
        assert at.fetched() == at.accounts[:1]


@ON_SQLITE
def test_a_slot_that_the_settings_take_away_stays_empty(handles: Handles) -> None:
    set_settings(handles, fetch_slots=2)
    with world(handles, 5) as at:
        at.slots.fill()
        assert len(at.slots) == 2
        set_settings(handles, fetch_slots=1)
        at.end()
        at.slots.fill()
        at.end()
        assert sorted(at.fetched()) == at.accounts
        later = rows_of(handles, Run, "id")[2:]
        assert all(one.started_at >= before.ended_at for before, one in pairwise(later))


def test_whoever_lost_an_account_claims_nobody_with_its_end(handles: Handles) -> None:
    first, second = add_account(handles, name="first"), add_account(handles, name="second")
    mine = claim_account(handles, first)
    assert mine is not None
    change_status(handles, first, lease_until=clock.utcnow() - A_MINUTE)
    assert claim_account(handles, first) is not None
    log = RunLog(handles, mine.run_id, "first")
    seen = Waiting([due(second)], Room(1, 1, 4, {}))

    with pytest.raises(LeaseLost):
        close_run(handles, mine, log, outcome_of(mine, log, None), None, seen=seen)

    assert status_of(handles, second).fence == 0
