"""Addresses that bounced: how long they are held, and what goes out when they are released."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from core import clock
from core.db.bulk import table_of
from core.models import OutgoingMessage, Recipient, Suppression
from core.outbox.suppression import HELD_FOR, SUPPRESSED, forget_old, held_among, note_hard_bounces, release
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound.world import change, put, recipients, rows

pytestmark = ON_SQLITE

BOB, EVE = "bob@example.net", "eve@example.net"
HELD = f"{SUPPRESSED}it bounced for good 2 times"


def noted(handles, *bounces, now):
    handles.database.writing(lambda session: note_hard_bounces(session, bounces, now))


def freed(handles, *addresses):
    return handles.database.writing(lambda session: release(session, addresses, "anna"))


def hold(handles, *addresses, state="held", text=HELD):
    table = table_of(Recipient)
    held = update(table).where(table.c.address.in_(addresses)).values(state=state, text=text)
    handles.database.writing(lambda session: session.connection().execute(held) and None)


def test_the_last_word_is_kept_and_the_address_held_until_its_time_is_over(handles):
    now = clock.utcnow()
    noted(handles, (BOB, "gone"), ("BOB@example.net", "still gone"), now=now)
    [row] = rows_of(handles, Suppression, "id")
    assert (row.bounces, row.last_text, row.held_until) == (2, "still gone", now + HELD_FOR)

    with handles.database.reading() as session:
        assert list(held_among(session, [BOB], now + HELD_FOR - timedelta(seconds=1))) == [BOB]
        assert not held_among(session, [BOB], now + HELD_FOR)


def test_after_a_release_it_is_counted_from_the_next_bounce(handles):
    now = clock.utcnow()
    noted(handles, (BOB, "gone"), (BOB, "gone"), now=now)
    freed(handles, BOB)
    noted(handles, (BOB, "gone again"), now=now + timedelta(days=9))
    [row] = rows_of(handles, Suppression, "id")
    assert (row.bounces, row.first_at, row.held_until) == (1, now + timedelta(days=9), None)


def test_what_was_held_begins_its_life_anew_once_nobody_of_it_is_held(handles):
    put(handles, to=(BOB, EVE))
    long_ago = clock.utcnow() - timedelta(days=20)
    change(handles, OutgoingMessage, state="held", created_at=long_ago, next_attempt_at=long_ago)
    hold(handles, BOB, EVE)

    assert freed(handles, "Bob@example.net") == 1
    assert (rows(handles)[0].state, recipients(handles)[BOB].state) == ("held", "queued")

    assert freed(handles, EVE) == 1
    [row] = rows(handles)
    assert (row.state, row.last_error) == ("queued", "")
    assert min(row.next_attempt_at, row.first_due_at) > long_ago + timedelta(days=19)


def test_messages_are_counted_not_their_recipients(handles):
    put(handles, to=(BOB, EVE))
    change(handles, OutgoingMessage, state="held")
    hold(handles, BOB, EVE)
    assert freed(handles, BOB, EVE) == 1


def test_what_a_person_holds_stays(handles):
    put(handles)
    change(handles, OutgoingMessage, state="held")
    hold(handles, BOB, text="")
    assert freed(handles, BOB) == 0
    assert rows(handles)[0].state == "held"


@pytest.mark.parametrize("state", ["deferred", "failed"])
def test_a_message_that_is_not_held_goes_on_as_it_was(handles, state):
    put(handles, to=(BOB, EVE))
    soon = clock.utcnow() + timedelta(minutes=5)
    change(handles, OutgoingMessage, state=state, next_attempt_at=soon)
    hold(handles, BOB)
    hold(handles, EVE, state=state, text="450 later")
    freed(handles, BOB)
    [row] = rows(handles)
    assert (row.state, row.next_attempt_at) == (state, soon)


def test_one_that_is_held_is_not_forgotten_however_old(handles):
    now = clock.utcnow()
    noted(handles, (BOB, "gone"), (BOB, "gone"), (EVE, "gone"), now=now - HELD_FOR / 2)
    assert handles.database.writing(lambda session: forget_old(session, now)) == 1
    assert [row.address for row in rows_of(handles, Suppression, "id")] == [BOB]
