"""What came in is kept as long as its retention says, and not a message that something still waits for goes."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.db.ages import id_since
from core.db.bulk import table_of
from core.errors import NotFound, StoreRefused
from core.handles import Handles
from core.inbound import retention as retention_of_bytes
from core.inbound.batch.rows import Rows
from core.inbound.decisions.changes import NO_CHANGES
from core.models import (
    Account,
    Audit,
    Delivery,
    DeliveryState,
    Message,
    OutgoingMessage,
    Quarantine,
    RawMessage,
    Record,
)
from core.services import messages, quarantine, reply, settings
from core.services.actor import Actor
from core.services.what_if.explaining import explained_stored
from tests.accounts import ON_SQLITE, add_account, at, change_account, fetched_well, message, records, rows_of, stored
from tests.outbound.world import set_setting
from tests.servers.dovecot import DovecotServer
from tests.services.worlds import put
from tests.workers.upkeep.sweeping import sweep

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def user(dovecot: DovecotServer) -> str:
    return dovecot.fresh_user()


@pytest.fixture
def account(handles: Handles, dovecot: DovecotServer, user: str) -> int:
    return add_account(handles, name="support", **at(dovecot, user))


def fetch_in(handles: Handles, server: DovecotServer, user: str, *mails: bytes) -> None:
    server.deliver(user, list(mails))
    assert fetched_well(handles, "support").counts.fetched == len(mails)


def write(handles: Handles, model: Any, which: Any = True, **values: Any) -> None:
    statement = update(table_of(model)).where(which).values(**values)
    handles.database.writing(lambda session: session.connection().execute(statement) and None)


def age(handles: Handles, days: int) -> None:
    """As if all that is here had come so many days ago."""
    past = clock.utcnow() - timedelta(days=days)
    write(handles, Message, table_of(Message).c.acknowledged_at.is_not(None), acknowledged_at=past)
    write(handles, Quarantine, created_at=past, tried_at=past)
    write(handles, Record, created_at=past, updated_at=past)


def kept(handles: Handles) -> list[int]:
    return [row.message_id for row in rows_of(handles, RawMessage, "message_id")]


def removed_by_retention(handles: Handles) -> list[tuple[str, str]]:
    return [(row.kind, row.name) for row in rows_of(handles, Audit, "id") if row.verb == "remove"]


def test_bytes_go_when_their_time_is_over_and_what_is_known_of_the_message_stays(
    handles: Handles, dovecot: DovecotServer, user: str, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    fetch_in(handles, dovecot, user, message(1), message(2))
    age(handles, 366)
    fetch_in(handles, dovecot, user, message(3))
    caplog.set_level(logging.INFO, "postroom.retention")

    settings.change(handles, admin, {"retention.raw": "0"})
    sweep(handles)
    assert len(kept(handles)) == 3
    settings.change(handles, admin, {"retention.raw": "365d"})
    sweep(handles)

    first, _, third = [row.id for row in stored(handles)]
    assert kept(handles) == [third]
    assert "the bytes of 2 messages" in caplog.text
    why = rf"message {first} are not here any more: .* retention\.raw"
    with pytest.raises(NotFound, match=why):
        messages.raw(handles, admin, first)
    with pytest.raises(NotFound, match=why):
        explained_stored(handles, admin, first)
    assert len(records(handles)) == 3
    # Who wrote is known still, so an answer goes out.
    assert reply.reply(handles, admin, records(handles)[0].number, "Thank you.")
    assert fetched_well(handles, "support").counts.fetched == 0


@ON_SQLITE
def test_years_of_mail_that_was_fetched_today_is_here_since_today(
    handles: Handles, dovecot: DovecotServer, user: str
) -> None:
    fetch_in(handles, dovecot, user, message(1))
    write(handles, Message, received_at=clock.utcnow() - timedelta(days=4000))
    sweep(handles)
    assert len(kept(handles)) == 1


def test_bytes_that_something_waits_for_stay(handles: Handles, dovecot: DovecotServer, user: str, account: int) -> None:
    fetch_in(handles, dovecot, user, *(message(number) for number in range(1, 5)))
    age(handles, 400)
    unacknowledged, waiting, given_up, told = stored(handles)
    write(handles, Message, table_of(Message).c.id == unacknowledged.id, acknowledged_at=None)
    states = {waiting: DeliveryState.WAITING, given_up: DeliveryState.FAILED, told: DeliveryState.DELIVERED}
    now = clock.utcnow()
    for one, state in states.items():
        offer = {"handoff_id": 1, "record_id": one.record_id, "message_id": one.id, "event": "record"}
        put(handles, Delivery(**offer, state=state, next_attempt_at=now, created_at=now, settled_at=now))

    sweep(handles)
    assert kept(handles) == [unacknowledged.id, waiting.id, given_up.id]

    # Nobody will ever tell that server: its account went for good before.
    change_account(handles, account, deleted_at=now - timedelta(days=370))
    sweep(handles)
    assert kept(handles) == [waiting.id, given_up.id]


@ON_SQLITE
def test_what_is_removed_at_once_is_bounded_by_number_and_bytes(
    handles: Handles, dovecot: DovecotServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_of_bytes, "AT_ONCE", 3)
    monkeypatch.setattr(retention_of_bytes, "BYTES_AT_ONCE", 2000)
    mails = [message(number, body="x" * (1500 if number == 3 else 10)) for number in range(1, 9)]
    fetch_in(handles, dovecot, user, *mails)
    age(handles, 400)
    before = clock.utcnow() - timedelta(days=365)
    counts = []
    while removed := handles.database.writing(
        lambda session: retention_of_bytes.forget_bytes(session, before, 99).names
    ):
        counts.append(len(removed))
    assert counts == [3, 3, 2]
    assert kept(handles) == []


def test_what_nobody_took_out_of_quarantine_goes_and_does_not_come_again(
    handles: Handles, dovecot: DovecotServer, user: str, admin: Actor
) -> None:
    set_setting(handles, "loop.records", 1)
    fetch_in(handles, dovecot, user, *(message(number, sender="ann@example.org") for number in range(1, 5)))
    age(handles, 91)
    _, abandoned, edited, tried = [row.id for row in stored(handles)]
    quarantine.edit(handles, admin, edited, message("edited", sender="ann@example.org"))
    assert quarantine.retry(handles, admin, tried) == "quarantined"

    sweep(handles)

    assert quarantine.waiting(handles, admin) == [edited, tried]
    assert removed_by_retention(handles) == [("quarantine", str(abandoned))]
    with pytest.raises(NotFound, match=r"nobody took it out of quarantine for 90d \(setting retention.quarantine\)"):
        messages.raw(handles, admin, abandoned)
    with pytest.raises(NotFound):
        quarantine.retry(handles, admin, abandoned)
    quarantine.delete(handles, admin, tried)
    with pytest.raises(NotFound, match="a person deleted it"):
        messages.raw(handles, admin, tried)
    assert fetched_well(handles, "support").counts.fetched == 0


def test_a_record_goes_with_its_messages_and_what_stays_names_nobody(
    handles: Handles, dovecot: DovecotServer, user: str, admin: Actor
) -> None:
    fetch_in(handles, dovecot, user, message(1), message(2, "References: <1@mail.example.org>"), message(3))
    gone, stays = records(handles)
    reply.reply(handles, admin, gone.number, "Thank you.")
    age(handles, 800)
    write(handles, Record, table_of(Record).c.id == stays.id, updated_at=clock.utcnow() - timedelta(days=700))

    sweep(handles)
    assert len(records(handles)) == 2
    settings.change(handles, admin, {"retention.records": "730d"})
    # Its answer is still to be sent.
    sweep(handles)
    assert len(records(handles)) == 2
    past = clock.utcnow() - timedelta(days=750)
    write(handles, OutgoingMessage, state="sent", settled_at=past, created_at=past)
    sweep(handles)

    assert [row.number for row in records(handles)] == [stays.number]
    assert removed_by_retention(handles) == [("record", gone.number)]
    first, second, third = rows_of(handles, Message, "id")
    for row in (first, second):
        assert (row.subject, row.header_from, row.from_address, row.message_id, row.record_id) == ("",) * 4 + (None,)
        assert row.trail[0][1] == "retention.records"
    assert third.record_id == stays.id
    sweep(handles)
    assert rows_of(handles, OutgoingMessage, "id") == []
    # An answer to it opens a record of its own; what is on the server still does not come again.
    fetch_in(handles, dovecot, user, message(4, f"Subject: Re: [Ticket#{gone.number}] Message 1"))
    assert len(records(handles)) == 2


def test_nothing_is_added_to_a_record_that_was_removed_meanwhile(handles: Handles, account: int) -> None:
    with handles.database.reading() as session:
        own = session.get(Account, account)
    assert own is not None
    rows = Rows(own, 1, clock.utcnow(), {}, changes=[(4711, NO_CHANGES)])
    with pytest.raises(StoreRefused, match="removed just now"):
        handles.database.writing(rows.write)


@ON_SQLITE
@pytest.mark.parametrize("is_woken", [False, True])
def test_a_pending_record_is_kept_until_it_has_woken(
    handles: Handles, dovecot: DovecotServer, user: str, admin: Actor, is_woken: bool
) -> None:
    settings.change(handles, admin, {"retention.records": "30d"})
    fetch_in(handles, dovecot, user, message(1))
    age(handles, 60)
    now = clock.utcnow()
    woken = {"pending_until": now - timedelta(days=1), "woken_at": now} if is_woken else {}
    write(handles, Record, **{"state": "pending reminder", "pending_until": now + timedelta(days=1), **woken})
    sweep(handles)
    assert len(records(handles)) == (not is_woken)


@ON_SQLITE
def test_a_retention_longer_than_there_are_dates_keeps_for_ever(
    handles: Handles, dovecot: DovecotServer, user: str, admin: Actor
) -> None:
    settings.change(handles, admin, {"retention.raw": "900000d", "retention.outbox": "900000d"})
    fetch_in(handles, dovecot, user, message(1))
    age(handles, 4000)
    sweep(handles)
    assert len(kept(handles)) == 1


@pytest.mark.parametrize("old", [0, 1, 700, 2999, 3000])
@ON_SQLITE
def test_a_moment_is_found_by_ids_over_gaps_and_rows_without_a_time(handles: Handles, old: int) -> None:
    now, table = clock.utcnow(), table_of(Account)
    ages = [timedelta(days=40) if number < old else timedelta(0) for number in range(3000)]

    def fill(session: Session) -> None:
        rows = [
            {"id": 10 + number * 3, "name": str(number), "type": "IMAP", "host": "", "username": "", "folders": [],
             "created_at": now, "updated_at": now, "deleted_at": None if number % 7 == 0 else now - past}
            for number, past in enumerate(ages)
        ]  # fmt: skip
        session.connection().execute(table.insert(), rows)

    handles.database.writing(fill)
    with handles.database.reading() as session:
        border = id_since(session, table, table.c.deleted_at, now - timedelta(days=30))
    assert 10 + (old - 1) * 3 <= border <= 10 + old * 3 + 256
