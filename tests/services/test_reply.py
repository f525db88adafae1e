"""A person answers a record: sent from the queue's address, found again by number and thread, kept with the record."""

import io
from contextlib import nullcontext
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import select

from core.db.bulk import table_of
from core.errors import BadInput, NotFound, NotPermitted
from core.handles import Handles
from core.inbound.handed_in import HandedIn
from core.models import Audit, Message, OutgoingRaw
from core.outbound.sending.deliver import deliver_due
from core.resources.incoming import RECORD
from core.services.actor import Actor, Role
from core.services.configuration.queues import queues
from core.services.intake import take_in
from core.services.looking.details import show
from core.services.records import change as change_record
from core.services.reply import reply
from tests.accounts import ON_POSTGRES, ON_SQLITE, add_account, message, records, rows_of
from tests.crash.failures import losing_commit
from tests.inbound.test_bounces import report
from tests.outbound.world import QUICK, add_mailbox, rows
from tests.services.worlds import add

LETTER = message(
    "q", "From: Eve <eve@example.net>", "Reply-To: team@example.net", "References: <a@x> <b@x>", "Subject: AW: Printer"
)


def take(handles: Handles, actor: Actor, *raws: bytes) -> None:
    files = [HandedIn(f"{n}.eml", lambda raw=raw: nullcontext(io.BytesIO(raw))) for n, raw in enumerate(raws)]
    assert take_in(handles, actor, "a", files).error == ""


@pytest.fixture
def number(handles: Handles, admin: Actor) -> str:
    """The number of a record that Eve's letter opened."""
    add_account(handles, address="desk@example.org")
    take(handles, admin, LETTER)
    return str(records(handles)[0].number)


def sent(handles: Handles) -> Any:
    with handles.database.reading() as session:
        raw = session.connection().scalars(select(table_of(OutgoingRaw).c.data)).all()[-1]
    return message_from_bytes(raw, policy=default)


@ON_SQLITE
def test_the_answer_goes_to_who_wrote_with_number_and_thread(handles: Handles, admin: Actor, number: str) -> None:
    message_id = reply(handles, admin, number, "Switch it on.\n")

    [row] = rows(handles)
    assert (row.message_id, row.sender, row.submitted_by) == (message_id, "desk@example.org", str(admin))
    letter = sent(handles)
    assert (letter["To"], letter["From"]) == ("team@example.net", "desk@example.org")
    assert letter["Subject"] == f"Re: [Ticket#{number}] Printer"
    assert letter["In-Reply-To"] == "<q@mail.example.org>"
    assert letter["References"].split() == ["<a@x>", "<b@x>", "<q@mail.example.org>"]
    shown = show(handles, admin, RECORD, number)
    assert [(one["message_id"], one["state"]) for one in shown["replies"]] == [(message_id, "queued")]
    line = rows_of(handles, Audit, "id")[-1]
    assert (line.verb, line.kind, line.name, line.after["to"]) == ("reply", "record", number, ["team@example.net"])


@ON_SQLITE
def test_the_queues_address_comes_first_with_its_name(handles: Handles, admin: Actor, number: str) -> None:
    queues.change(handles, admin, "Raw", {"address": "raw@example.org"})
    add(handles, admin, "address", "raw@example.org", queue="Raw", display_name="Räume")

    reply(handles, admin, number, "Yes.")

    assert str(sent(handles)["From"]) == "Räume <raw@example.org>"


@ON_SQLITE
def test_what_comes_back_to_the_answer_is_on_the_record(
    handles: Handles, admin: Actor, number: str, smtp_sink: Any
) -> None:
    add_mailbox(handles, "main", smtp_sink)
    message_id = reply(handles, admin, number, "Yes.")
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    subject = f"Subject: Re: {sent(handles)['Subject']}"

    take(handles, admin, report(1, of=message_id, address="team@example.net"), message("z", subject))

    stored = rows_of(handles, Message, "id")
    assert [(one.state, one.record_id) for one in stored[1:]] == [
        ("bounce", stored[0].record_id), ("recorded", stored[0].record_id),
    ]  # fmt: skip
    [gone] = show(handles, admin, RECORD, number)["replies"]
    assert [one["state"] for one in gone["recipients"]] == ["bounced"]
    # The report is no letter that could be answered.
    reply(handles, admin, number, "And now?")
    assert sent(handles)["To"] == "userz@example.org"


def test_what_names_our_answer_alone_is_on_its_record(handles: Handles, admin: Actor, number: str) -> None:
    """Answering machines often say In-Reply-To and no more, under a subject of their own."""
    message_id = reply(handles, admin, number, "Switch it on.")
    take(handles, admin, message("away", "Subject: Out of office", f"In-Reply-To: {message_id}"))
    [record] = records(handles)
    assert [one.record_id for one in rows_of(handles, Message, "id")] == [record.id] * 2


def test_our_own_answer_that_comes_back_opens_nothing(handles: Handles, admin: Actor, number: str) -> None:
    """Who was answered may send his mail on to us, or be a list that we read."""
    reply(handles, admin, number, "Switch it on.")
    add(handles, admin, "address", "desk@example.org", queue="Raw")
    change_record(handles, admin, number, {"state": "closed successful"})
    take(handles, admin, sent(handles).as_bytes())
    [record] = records(handles)
    assert record.state == "closed successful"
    assert [one.record_id for one in rows_of(handles, Message, "id")] == [record.id] * 2
    take(handles, admin, message("more", "From: Eve <eve@example.net>", f"Subject: [Ticket#{number}] no"))
    assert [one.state for one in records(handles)] == ["open"]


@ON_SQLITE
def test_a_mail_system_is_not_answered(handles: Handles, admin: Actor) -> None:
    add_account(handles, address="desk@example.org")
    take(handles, admin, message("q", "From: MAILER-DAEMON@example.net", "X: y"))
    [record] = records(handles)
    with pytest.raises(BadInput, match="somebody who can be answered"):
        reply(handles, admin, record.number, "Hello?")
    assert rows(handles) == []


@ON_SQLITE
def test_bad_orders_are_refused_in_a_sentence(handles: Handles, admin: Actor, number: str) -> None:
    with pytest.raises(BadInput, match="empty"):
        reply(handles, admin, number, " \n")
    with pytest.raises(NotFound):
        reply(handles, admin, "2026010110999999", "x")
    with pytest.raises(NotPermitted):
        reply(handles, Actor("vera", "vm", Role.VIEWER), number, "x")
    assert rows(handles) == []


@ON_POSTGRES
def test_a_commit_that_the_server_says_nothing_of_is_not_answered_twice(
    handles: Handles, admin: Actor, number: str
) -> None:
    with losing_commit(handles, 1):
        message_id = reply(handles, admin, number, "Switch it on.\n")

    assert [row.message_id for row in rows(handles)] == [message_id]
