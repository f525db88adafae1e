"""A clock that was wrong for a while: nothing waits for years, nothing is removed that is not old."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import (
    AccountStatus,
    Alert,
    Audit,
    Delivery,
    Handoff,
    HandoffStatus,
    MailboxStatus,
    OutgoingMessage,
    Suppression,
    Token,
    Worker,
)
from core.outbox.orders import hold_what_waits, release_what_was_held
from core.outbox.suppression import HELD_FOR
from core.services import settings
from core.services.actor import Actor
from core.workers.health import Heartbeat
from core.workers.upkeep import sweeper
from core.workers.upkeep.set_back import longest_wait
from tests.accounts import ON_SQLITE, add_account, change_status, rows_of
from tests.outbound.world import add_mailbox, change, put, rows
from tests.services.worlds import put as put_rows
from tests.workers.upkeep.sweeping import note_work

YEARS = timedelta(days=4000)
MINUTES_10 = timedelta(minutes=10)


class Nowhere:
    host, port = "127.0.0.1", 9


@pytest.mark.parametrize(
    ("interval", "is_well", "is_asked_to_wait", "longest"),
    [
        (MINUTES_10, True, False, MINUTES_10),
        (MINUTES_10, False, False, timedelta(hours=1)),
        (MINUTES_10, False, True, timedelta(days=1)),
        (timedelta(days=7), False, False, timedelta(days=7)),
        (timedelta(days=7), False, True, timedelta(days=7)),
    ],
)
def test_how_far_ahead_an_account_can_be_due(
    interval: timedelta, is_well: bool, is_asked_to_wait: bool, longest: timedelta
) -> None:
    assert longest_wait(interval, is_well=is_well, is_asked_to_wait=is_asked_to_wait) == longest


def standing(handles: Handles) -> dict[int, Any]:
    return {row.account_id: row for row in rows_of(handles, AccountStatus, "account_id")}


def test_accounts_that_were_fetched_while_the_clock_was_ahead_are_due(handles: Handles) -> None:
    now = clock.utcnow()
    well, dead, asked, failing, weekly = (
        add_account(handles, name=name, **values)
        for name, values in (
            ("well", {}),
            ("dead", {}),
            ("asked", {}),
            ("failing", {}),
            ("weekly", {"interval": 604800}),
        )
    )
    rightly = {
        well: now + MINUTES_10, failing: now + timedelta(minutes=59), asked: now + timedelta(hours=23),
        weekly: now + timedelta(days=6),
    }  # fmt: skip
    for account, due_at in rightly.items():
        change_status(handles, account, due_at=due_at)
    change_status(handles, asked, retry_after=rightly[asked], failures=1)
    change_status(handles, failing, failures=5)
    sweeper.sweep(handles)
    assert {account: standing(handles)[account].due_at for account in rightly} == rightly

    for account in rightly:
        change_status(handles, account, due_at=now + YEARS)
    change_status(handles, asked, retry_after=now + YEARS)
    change_status(handles, dead, lease_owner="w", lease_until=now + YEARS)
    sweeper.sweep(handles)

    found = standing(handles)
    assert all(row.due_at <= clock.utcnow() and row.retry_after is None for row in found.values())
    # Should somebody hold it after all, he renews it in time.
    assert found[dead].lease_until <= clock.utcnow() + timedelta(seconds=61)


def test_messages_from_while_the_clock_was_ahead_are_due_and_scheduled_ones_keep_their_time(handles: Handles) -> None:
    now = clock.utcnow()
    add_mailbox(handles, "main", Nowhere())
    put(handles, not_before=now + YEARS)
    sweeper.sweep(handles)
    assert rows(handles)[0].next_attempt_at == now + YEARS

    change(handles, OutgoingMessage, first_due_at=None)
    change(handles, MailboxStatus, cooling_until=now + YEARS)
    sweeper.sweep(handles)
    assert rows(handles)[0].next_attempt_at <= clock.utcnow()
    assert rows_of(handles, MailboxStatus, "mailbox_id")[0].cooling_until is None

    change(handles, OutgoingMessage, state="deferred", next_attempt_at=now + timedelta(minutes=59))
    sweeper.sweep(handles)
    assert rows(handles)[0].next_attempt_at == now + timedelta(minutes=59)
    change(handles, OutgoingMessage, next_attempt_at=now + YEARS)
    sweeper.sweep(handles)
    assert rows(handles)[0].next_attempt_at <= clock.utcnow()


def test_a_message_from_while_the_clock_was_ahead_is_due_when_it_is_released(handles: Handles) -> None:
    put(handles)
    change(handles, OutgoingMessage, next_attempt_at=clock.utcnow() + YEARS)
    hold_what_waits(handles, "a reason")
    release_what_was_held(handles, "a reason")
    assert rows(handles)[0].next_attempt_at <= clock.utcnow()


def test_an_address_that_was_held_while_the_clock_was_ahead_is_held_no_longer_than_any(handles: Handles) -> None:
    now = clock.utcnow()
    put_rows(handles, *(_held(name, until) for name, until in (("a", now + YEARS), ("b", now + timedelta(days=29)))))
    sweeper.sweep(handles)
    wrong, right = rows_of(handles, Suppression, "address")
    assert now + HELD_FOR <= wrong.held_until <= clock.utcnow() + HELD_FOR
    assert right.held_until == now + timedelta(days=29)


def _held(name: str, until: datetime) -> Suppression:
    at = clock.utcnow()
    return Suppression(address=f"{name}@example.org", bounces=2, first_at=at, last_at=at, held_until=until)


def test_offers_from_while_the_clock_was_ahead_are_due_to_a_receiver_that_rests_no_longer(handles: Handles) -> None:
    now = clock.utcnow()

    def add(session: Session) -> None:
        session.add(Handoff(id=1, name="crm", command="/bin/false", created_at=now, updated_at=now))
        session.flush()
        offer = {"handoff_id": 1, "record_id": 1, "message_id": 1, "event": "record", "created_at": now}
        session.add_all(
            [
                Delivery(**offer, state="waiting", next_attempt_at=now),
                Delivery(**offer, state="delivered", next_attempt_at=now + YEARS),
                HandoffStatus(handoff_id=1),
            ]
        )

    def standing() -> tuple[list[Any], Any]:
        return rows_of(handles, Delivery, "id"), rows_of(handles, HandoffStatus, "handoff_id")[0]

    def wait_until(moment: datetime) -> None:
        waiting = update(table_of(Delivery)).where(table_of(Delivery).c.state == "waiting")
        resting = update(table_of(HandoffStatus)).values(rests_until=moment, lease_owner="w", lease_until=moment)
        for statement in (waiting.values(next_attempt_at=moment), resting):
            handles.database.writing(lambda session, one=statement: session.connection().execute(one) and None)

    handles.database.writing(add)
    wait_until(rightly := now + timedelta(seconds=50))
    sweeper.sweep(handles)
    [waiting, _], receiver = standing()
    assert (waiting.next_attempt_at, receiver.rests_until, receiver.lease_until) == (rightly,) * 3

    wait_until(now + YEARS)
    sweeper.sweep(handles)
    [waiting, over], receiver = standing()
    assert waiting.next_attempt_at <= clock.utcnow() < over.next_attempt_at
    assert receiver.rests_until is None
    assert receiver.lease_until <= clock.utcnow() + timedelta(seconds=61)


def test_what_else_was_to_wait_until_a_time_far_ahead_goes_on(handles: Handles) -> None:
    now = clock.utcnow()
    account = add_account(handles)
    opened = Alert(subject="disk", text="full", opened_at=now, command_due=now + YEARS)
    seen = {"started_at": now, "heartbeat_at": now + YEARS}
    put_rows(handles, Token(kind="account", owner_id=account), opened, Worker(id="w", host="here", pid=1, **seen))
    change(handles, Token, retry_after=now + YEARS, lease_owner="w", lease_until=now + YEARS)
    # A person made it due; what its server asked for holds all the same.
    change_status(handles, account, retry_after=now + YEARS, failures=1, idle_after=now + YEARS)

    sweeper.sweep(handles)

    [token] = rows_of(handles, Token, "kind")
    assert (token.retry_after, token.lease_until <= clock.utcnow() + timedelta(seconds=61)) == (None, True)
    assert (standing(handles)[account].retry_after, standing(handles)[account].idle_after) == (None, None)
    assert rows_of(handles, Alert, "id")[0].command_due <= clock.utcnow()
    assert rows_of(handles, Worker, "id")[0].heartbeat_at <= clock.utcnow()


@ON_SQLITE
def test_a_clock_that_jumps_ahead_removes_nothing_until_it_has_been_that_time_for_an_hour(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.change(handles, admin, {"retention.audit": "365d"})
    note_work(handles)
    there = rows_of(handles, Audit, "id")
    sweeper.sweep(handles)
    jumped = clock.utcnow() + YEARS
    monkeypatch.setattr(clock, "utcnow", lambda: jumped)

    sweeper.sweep(handles)
    sweeper.sweep(handles)
    *before, doubt = rows_of(handles, Audit, "id")
    assert before == there
    assert (doubt.at, doubt.verb, doubt.kind) == (jumped, "doubt", "clock")

    an_hour_later = jumped + timedelta(hours=1)
    monkeypatch.setattr(clock, "utcnow", lambda: an_hour_later)
    sweeper.sweep(handles)
    assert rows_of(handles, Audit, "id") == [doubt]


@ON_SQLITE
def test_where_nothing_was_ever_written_no_clock_is_doubted(handles: Handles) -> None:
    sweeper.sweep(handles)
    assert rows_of(handles, Audit, "id") == []


@ON_SQLITE
def test_a_worker_that_another_took_for_dead_appears_again(handles: Handles) -> None:
    beating = Heartbeat(handles, "both")
    beating.start()
    try:
        table = table_of(Worker)
        [before] = rows_of(handles, Worker, "id")
        handles.database.writing(lambda session: session.connection().execute(table.delete()) and None)
        beating._beat()
        [after] = rows_of(handles, Worker, "id")
        assert (after.id, after.started_at) == (before.id, before.started_at)
    finally:
        beating.close()
