"""Pending states wake at their time."""

from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.models import Audit, Record
from core.resources.catalogue import kind_named
from core.services import records, settings
from core.services.actor import Actor
from core.services.lists import search
from core.services.looking.details import show
from core.workers.upkeep.waking import state_after, wake_records
from tests.accounts import rows_of
from tests.services.worlds import NOW, put
from tests.workers.upkeep.sweeping import sweep

STATES = ("new", "open", "pending reminder", "pending auto close", "closed successful", "closed unsuccessful")


@pytest.mark.parametrize(
    ("state", "states", "after"),
    [
        ("pending reminder", STATES, None),
        ("pending", STATES, None),
        ("pending auto close", STATES, "closed successful"),
        ("Pending Auto Close+", STATES, "closed successful"),
        ("pending auto close-", STATES, "closed unsuccessful"),
        ("pending auto close", ("new", "closed for good"), "closed for good"),
        ("pending auto close", ("new",), "closed successful"),
    ],
)
def test_what_a_pending_state_becomes(state: str, states: tuple[str, ...], after: str | None) -> None:
    assert state_after(state, states) == after


def record(number: int, state: str, minutes: int | None) -> Record:
    until = None if minutes is None else NOW + timedelta(minutes=minutes)
    return Record(
        id=number, number=f"202611201000000{number}", queue_id=1, state=state, pending_until=until,
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def states_of(handles: Handles) -> list[tuple[str, bool, bool]]:
    """State, whether it is due, whether it has an end, by number."""
    return [
        (row.state, row.woken_at is not None, row.pending_until is not None) for row in rows_of(handles, Record, "id")
    ]


def test_at_its_time_a_reminder_is_due_and_an_auto_close_is_closed(handles: Handles) -> None:
    put(
        handles,
        record(1, "pending reminder", -1),
        record(2, "pending auto close", 0),
        record(3, "pending reminder", 1),
        record(4, "pending auto close", 1),
        record(5, "open", None),
    )

    assert wake_records(handles, NOW) == 2
    assert states_of(handles) == [
        ("pending reminder", True, True),
        ("closed successful", False, False),
        ("pending reminder", False, True),
        ("pending auto close", False, True),
        ("open", False, False),
    ]
    assert wake_records(handles, NOW) == 0


def test_waking_is_told_in_the_audit_log(handles: Handles) -> None:
    put(handles, record(1, "pending reminder", 0), record(2, "pending auto close", 0))
    wake_records(handles, NOW)

    told = [(line.verb, line.name, line.after) for line in rows_of(handles, Audit, "id") if line.kind == "record"]
    assert told == [
        ("wake", "2026112010000001", {"due": True}),
        ("wake", "2026112010000002", {"state": "closed successful"}),
    ]


def test_more_than_one_transaction_takes_wake_in_one_sweep(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.upkeep.waking.AT_ONCE", 2)
    put(handles, *(record(number, "pending reminder", -number) for number in range(1, 6)))

    sweep(handles)

    assert [is_due for _, is_due, _ in states_of(handles)] == [True] * 5


def test_lists_find_what_is_due(handles: Handles, admin: Actor) -> None:
    put(handles, record(1, "pending reminder", 0), record(2, "pending reminder", 5))
    wake_records(handles, NOW)

    rows = search.matching(handles, admin, kind_named("record"), "due:yes").rows
    assert [(row["number"], row["due"]) for row in rows] == [("2026112010000001", True)]


@pytest.mark.parametrize(
    ("given", "is_due", "minutes_left"),
    [
        ({"state": "open"}, False, None),
        ({"pending_until": "2099-01-01T00:00Z"}, False, "later"),
        ({"state": "pending auto close"}, False, 24 * 60),
        ({"title": "x"}, True, "earlier"),
    ],
)
def test_a_change_of_state_or_time_lets_a_record_sleep_again(
    handles: Handles, admin: Actor, given: dict[str, str], is_due: bool, minutes_left: object
) -> None:
    put(handles, record(1, "pending reminder", 0))
    wake_records(handles, NOW)

    records.change(handles, admin, "1", given)

    row = show(handles, admin, kind_named("record"), "1")
    assert row["due"] is is_due
    (stored,) = rows_of(handles, Record, "id")
    if minutes_left is None:
        assert stored.pending_until is None
    elif isinstance(minutes_left, int):
        left = (stored.pending_until - clock.utcnow()) / timedelta(minutes=1)
        assert minutes_left - 1 < left <= minutes_left
    else:
        assert (stored.pending_until > clock.utcnow()) == (minutes_left == "later")


def test_states_of_ones_own_close_as_the_settings_say(handles: Handles, admin: Actor) -> None:
    settings.change(handles, admin, {"states": ["new", "pending auto close", "closed for good"]})
    put(handles, record(1, "pending auto close", 0))
    wake_records(handles, NOW)
    assert states_of(handles)[0][0] == "closed for good"
