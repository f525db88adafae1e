"""Whose turn it is: no server, and no failing account, takes the slots of the others."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import clock
from core.handles import Handles
from core.inbound import turns
from core.inbound.due import claim_due
from core.inbound.turns import Due, Room, choose
from core.settings import RuntimeSettings
from tests.accounts import LONG_AGO, add_account, change_status, claim_account

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def due(number: int, *, host: str = "", late: int = 0, priority: int = 5, failing: bool = False) -> Due:
    return Due(number, host or f"host{number}", priority, NOON - timedelta(seconds=late), failing)


def room(slots: int = 4, *, failing: int = 2, per_host: int = 2, busy: Mapping[str, int] | None = None) -> Room:
    return Room(slots, failing, per_host, busy or {})


CASES = {
    "the longest overdue first": ([due(1, late=5), due(2, late=60), due(3, late=30)], room(2), [2, 3]),
    "a lower priority number before anything overdue": ([due(1, late=999), due(2, priority=1)], room(1), [2]),
    "at most so many of one server": (
        [*(due(n, host="x", late=100) for n in range(1, 6)), due(9)],
        room(4),
        [1, 2, 9],
    ),
    "those busy at the server count": ([due(1, host="x", late=9), due(2)], room(4, busy={"x": 2}), [2]),
    "failing ones take at most their share": (
        [*(due(n, late=100, failing=True) for n in range(1, 6)), *(due(n) for n in range(11, 16))],
        room(4),
        [1, 2, 11, 12],
    ),
    "failing ones leave slots that nobody wants": ([due(n, failing=True) for n in range(1, 6)], room(4), [1, 2]),
    "no slot, no turn": ([due(1)], room(0), []),
}


@pytest.mark.parametrize("case", CASES)
def test_turns(case: str) -> None:
    given, where, expected = CASES[case]
    assert choose(given, where, lambda one: one.account_id) == expected


def test_the_place_of_one_that_another_worker_took_goes_to_the_next() -> None:
    taken = {1, 2}
    chosen = choose([due(n) for n in range(1, 5)], room(1), lambda one: None if one.account_id in taken else one)
    assert [one.account_id for one in chosen] == [3]


def settings(slots: int = 8, per_host: int = 2) -> RuntimeSettings:
    return RuntimeSettings(fetch_slots=slots, slots_per_host=per_host)


def test_a_server_with_hundreds_of_overdue_accounts_does_not_hide_the_others(handles: Handles) -> None:
    long_ago = clock.utcnow() - timedelta(hours=2)
    for number in range(150):
        account = add_account(handles, name=f"crowd{number}", host="crowded.example.com")
        change_status(handles, account, due_at=long_ago)
    others = [add_account(handles, name=f"other{number}", host=f"h{number}.example.com") for number in range(6)]

    claimed = claim_due(handles, settings(), 8)

    assert {one.lease.key for one in claimed} >= set(others)
    assert [one.account.host for one in claimed].count("crowded.example.com") == 2


def test_failing_accounts_of_many_servers_leave_half_of_the_slots_free(handles: Handles) -> None:
    long_ago = clock.utcnow() - timedelta(hours=2)
    for number in range(20):
        account = add_account(handles, name=f"hangs{number}", host=f"hangs{number}.example.com")
        change_status(handles, account, due_at=long_ago, failures=1)
    first = claim_due(handles, settings(), 8)
    assert len(first) == 4

    well = [add_account(handles, name=f"well{number}", host=f"well{number}.example.com") for number in range(4)]
    assert [one.lease.key for one in claim_due(handles, settings(), 4, busy=first)] == well


def test_an_account_with_more_to_fetch_waits_behind_those_that_are_due(handles: Handles) -> None:
    # A long account is due again the moment its run of at most `max_messages` ends.
    now = clock.utcnow()
    long = add_account(handles, name="long", host="long.example.com")
    change_status(handles, long, due_at=now)
    others = [add_account(handles, name=f"other{number}", host=f"h{number}.example.com") for number in range(3)]
    for number, account in enumerate(others):
        change_status(handles, account, due_at=now - timedelta(seconds=3 - number))

    turns = [claim_due(handles, settings(slots=1), 1)[0].lease.key for _ in range(4)]

    assert turns == [*others, long]


IN_NOBODYS_HAND: dict[str, dict[str, Any]] = {
    "paused": {"paused": True},
    "of a worker that is gone": {
        "lease_owner": "gone",
        "lease_until": LONG_AGO,
        "due_at": datetime(2100, 1, 1, tzinfo=UTC),
    },
}


@pytest.mark.parametrize("which", IN_NOBODYS_HAND)
def test_an_account_that_nobody_fetches_takes_no_place_of_its_server(handles: Handles, which: str) -> None:
    idle, working = (add_account(handles, name=name, host="same.example.com") for name in ("idle", "working"))
    change_status(handles, idle, **{"due_at": clock.utcnow() - timedelta(hours=2), **IN_NOBODYS_HAND[which]})
    assert [one.lease.key for one in claim_due(handles, settings(per_host=1), 8)] == [working]


def test_the_place_that_is_about_to_be_free_at_a_server_counts_as_free(handles: Handles) -> None:
    leaving, _ = (add_account(handles, name=name, host="same.example.com") for name in ("leaving", "next"))
    assert claim_account(handles, leaving) is not None

    def has_turns(**place: str) -> bool:
        with handles.database.reading() as session:
            seen = turns.waiting(session, settings(per_host=1), 8, clock.utcnow(), {leaving: False}, **place)
        return seen.has_turns

    assert (has_turns(), has_turns(leaving="same.example.com")) == (False, True)


CHANGES: dict[str, Callable[[], dict[str, Any]]] = {
    "paused": lambda: {"paused": True},
    "fetched": lambda: {"due_at": clock.utcnow() + timedelta(hours=1)},
    "asked to wait": lambda: {"retry_after": clock.utcnow() + timedelta(hours=1)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_between_the_look_and_the_claim_is_heeded(
    handles: Handles, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    first, second = add_account(handles, name="first"), add_account(handles, name="second")
    look = turns.waiting

    def look_then_change(*given: Any, **named: Any) -> turns.Waiting:
        seen = look(*given, **named)
        change_status(handles, first, **CHANGES[change]())
        return seen

    monkeypatch.setattr("core.inbound.due.waiting", look_then_change)
    claimed = claim_due(handles, settings(), 8)

    assert [one.lease.key for one in claimed] == [second]
    monkeypatch.undo()
    assert claim_account(handles, first) is not None  # nobody has it in hand


def test_an_account_whose_server_asked_for_patience_is_left_alone_though_it_is_made_due(handles: Handles) -> None:
    account = add_account(handles)
    later = clock.utcnow() + timedelta(hours=2)
    change_status(handles, account, status="throttled", failures=1, retry_after=later)
    assert claim_due(handles, settings(), 8) == []
    change_status(handles, account, retry_after=clock.utcnow())
    assert len(claim_due(handles, settings(), 8)) == 1
