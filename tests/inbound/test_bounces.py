"""Bounces of what we sent: read from the inbox, told to the outbox, added to the record."""

import io
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.db.leases import Lease
from core.handles import Handles
from core.inbound.handed_in import HandedIn
from core.mail.bounces import Action, BouncedRecipient
from core.models import Message, OutgoingMessage, OutgoingState, Recipient, Record, Suppression
from core.outbound.sending.deliver import deliver_due
from core.outbox.bounces import Report, note_bounces
from core.outbox.settle import Ending, RecipientResult, Settlement, settle
from core.outbox.suppression import release
from core.services.actor import Actor
from core.services.intake import take_in
from tests.accounts import ON_SQLITE, add_account, message, records, rows_of
from tests.outbound.world import QUICK, add_mailbox, change, put, recipients, rows
from tests.servers.smtp import RuledSink

REPORT = """\
From: Mail Delivery System <mailer-daemon@relay.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <report-{number}@relay.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 no such user here

{quoted}--b--
"""
QUOTED = "--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {}\nSubject: Hello\n\n"


def report(
    number: int,
    *,
    of: str = "",
    to: str = "alice@example.org",
    address: str = "bob@example.net",
    action: str = "failed",
    status: str = "5.1.1",
) -> bytes:
    quoted = QUOTED.format(of) if of else ""
    text = REPORT.format(number=number, to=to, address=address, action=action, status=status, quoted=quoted)
    return text.replace("\n", "\r\n").encode()


def take(handles: Handles, actor: Actor, *raws: bytes) -> None:
    files = [HandedIn(f"{n}.eml", lambda raw=raw: nullcontext(io.BytesIO(raw))) for n, raw in enumerate(raws)]
    outcome = take_in(handles, actor, "a", files)
    assert outcome.error == ""


@pytest.fixture
def sent(handles: Handles, smtp_sink: RuledSink) -> list[str]:
    """Two messages to bob and carol, gone."""
    add_account(handles)
    add_mailbox(handles, "main", smtp_sink, return_path="bounces+{token}@example.org")
    message_ids = put(handles, 2, to=("bob@example.net", "carol@example.net"))
    assert deliver_due(handles, timeouts=QUICK).sent == 2
    return message_ids


def note(handles: Handles, *outgoing_ids: int) -> None:
    """Bob bounced for good, as a report on these rows says."""
    report = Report(outgoing_ids, (BouncedRecipient("bob@example.net", Action.FAILED, "5.1.1", ""),))
    handles.database.writing(lambda session: note_bounces(session, [report], clock.utcnow()))


def of_first(handles: Handles) -> dict[str, Any]:
    """The recipients of the first message."""
    first = rows(handles)[0].id
    return {row.address: row for row in rows_of(handles, Recipient, "id") if row.outgoing_id == first}


def test_a_report_that_quotes_our_message_bounces_its_recipient_alone(
    handles: Handles, admin: Actor, sent: list[str]
) -> None:
    take(handles, admin, report(1, of=sent[0]))

    bob, carol = of_first(handles)["bob@example.net"], of_first(handles)["carol@example.net"]
    assert (bob.state, bob.enhanced_code, carol.state) == ("bounced", "5.1.1", "sent")
    assert bob.text == "bob@example.net bounced for good: 5.1.1 550 no such user here"
    assert [(row.state, row.last_error) for row in rows(handles)] == [("sent", bob.text), ("sent", "")]
    [stored] = rows_of(handles, Message, "id")
    assert (stored.state, stored.record_id) == ("bounce", None)


@ON_SQLITE
def test_the_token_of_the_return_path_leads_back_though_nothing_is_quoted(
    handles: Handles, admin: Actor, sent: list[str], smtp_sink: RuledSink
) -> None:
    first = next(one for one in smtp_sink.deliveries if sent[0].encode() in one.raw)
    take(handles, admin, report(1, to=first.sender.upper()))

    assert of_first(handles)["bob@example.net"].state == "bounced"
    assert of_first(handles)["carol@example.net"].state == "sent"
    [stored] = rows_of(handles, Message, "id")
    assert stored.trail[-1] == ["bounce", "ours", f"we sent {sent[0]}"]


@ON_SQLITE
def test_the_envelope_id_leads_back_too(handles: Handles, admin: Actor, sent: list[str], smtp_sink: RuledSink) -> None:
    first = next(one for one in smtp_sink.deliveries if sent[0].encode() in one.raw)
    token = first.sender.partition("+")[2].partition("@")[0].encode()
    named = report(1).replace(b"Reporting-MTA:", b"Original-Envelope-Id: " + token + b"\r\nReporting-MTA:")
    take(handles, admin, named)

    assert of_first(handles)["bob@example.net"].state == "bounced"


@ON_SQLITE
def test_a_forged_token_leads_nowhere(handles: Handles, admin: Actor, sent: list[str], smtp_sink: RuledSink) -> None:
    path = smtp_sink.deliveries[0].sender
    take(handles, admin, report(1, to=path.replace("@", "a@")), report(2, to=path.replace("-", "0-")))

    assert {row.state for row in rows_of(handles, Recipient, "id")} == {"sent"}
    assert {row.state for row in rows_of(handles, Message, "id")} == {"bounce"}


@ON_SQLITE
def test_a_soft_bounce_is_told_and_counts_for_nothing(handles: Handles, admin: Actor, sent: list[str]) -> None:
    take(handles, admin, report(1, of=sent[0], status="4.2.2"), report(2, of=sent[1], status="4.2.2"))

    assert recipients(handles)["bob@example.net"].text.startswith("bob@example.net bounced for now: 4.2.2")
    assert rows_of(handles, Suppression, "id") == []


def test_two_hard_bounces_hold_the_address_and_the_others_get_their_mail(
    handles: Handles, admin: Actor, sent: list[str], smtp_sink: RuledSink
) -> None:
    take(handles, admin, report(1, of=sent[0]), report(2, of=sent[0]))
    [once] = rows_of(handles, Suppression, "id")
    assert (once.bounces, once.held_until) == (1, None)

    take(handles, admin, report(3, of=sent[1]))
    [twice] = rows_of(handles, Suppression, "id")
    assert twice.bounces == 2
    assert timedelta(days=29) < twice.held_until - clock.utcnow() <= timedelta(days=30)

    put(handles, 1, to=("Bob@example.net", "carol@example.net"))
    put(handles, 1, to=("bob@example.net",))
    before = len(smtp_sink.deliveries)
    summary = deliver_due(handles, timeouts=QUICK)

    assert summary.held == 2
    [delivered] = smtp_sink.deliveries[before:]
    assert delivered.recipients == ("carol@example.net",)
    held = recipients(handles)["bob@example.net"]
    assert held.state == "held"
    assert held.text.startswith("Suppressed: bob@example.net bounced for good 2 times, held until ")
    assert [(row.state, row.attempts) for row in rows(handles)[2:]] == [("held", 1), ("held", 0)]


@ON_SQLITE
def test_after_its_time_or_its_release_the_address_gets_mail_again(
    handles: Handles, admin: Actor, sent: list[str], smtp_sink: RuledSink
) -> None:
    take(handles, admin, report(1, of=sent[0]), report(2, of=sent[1]))
    put(handles, 1, to=("bob@example.net", "carol@example.net"))
    deliver_due(handles, timeouts=QUICK)
    assert rows(handles)[-1].state == "held"

    assert handles.database.writing(lambda session: release(session, ["BOB@example.net"], "anna@vm")) == 1
    assert rows(handles)[-1].state == "queued"
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert smtp_sink.deliveries[-1].recipients == ("bob@example.net",)
    [row] = rows_of(handles, Suppression, "id")
    assert (row.bounces, row.held_until, row.released_by) == (0, None, "anna@vm")

    change(handles, Suppression, held_until=clock.utcnow() - timedelta(seconds=1))
    put(handles, 1)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


@ON_SQLITE
def test_the_report_is_added_to_the_record_that_our_mail_answered(
    handles: Handles, admin: Actor, sent: list[str]
) -> None:
    take(handles, admin, message(1))
    [record] = records(handles)
    change(handles, OutgoingMessage, record_id=record.id)
    change(handles, Record, updated_at=clock.utcnow() - timedelta(days=1))

    take(handles, admin, report(1, of=sent[0]))

    stored = rows_of(handles, Message, "id")[-1]
    assert (stored.state, stored.record_id) == ("bounce", record.id)
    assert clock.utcnow() - records(handles)[0].updated_at < timedelta(hours=1)


@ON_SQLITE
def test_a_bounce_of_what_was_uncertain_settles_it(handles: Handles, admin: Actor, sent: list[str]) -> None:
    change(handles, Recipient, state="uncertain")
    change(handles, OutgoingMessage, state="uncertain", settled_at=None)

    take(handles, admin, report(1, of=sent[0]))
    assert [(row.state, row.settled_at) for row in rows(handles)] == [("uncertain", None)] * 2

    take(handles, admin, report(2, of=sent[0], address="carol@example.net"))
    settled, waiting = rows(handles)
    assert (settled.state, waiting.state) == ("sent", "uncertain")
    assert (settled.settled_at is None, waiting.settled_at) == (False, None)


@ON_SQLITE
def test_a_bcc_that_waits_keeps_no_message_waiting_when_all_others_bounced(handles: Handles, sent: list[str]) -> None:
    row = rows(handles)[0]
    change(handles, OutgoingMessage, state="uncertain", settled_at=None)
    change(handles, Recipient, state="uncertain")
    copied = of_first(handles)["carol@example.net"].id
    handles.database.writing(lambda session: setattr(session.get(Recipient, copied), "is_bcc", True))

    note(handles, row.id)

    assert (rows(handles)[0].state, of_first(handles)["carol@example.net"].state) == ("sent", "uncertain")


@ON_SQLITE
def test_a_report_on_a_message_put_in_twice_is_noted_on_each_that_is_still_there(
    handles: Handles, sent: list[str]
) -> None:
    before = {row.id: row.settled_at for row in rows(handles)}
    note(handles, *before, 9999)

    of_bob = [row.state for row in rows_of(handles, Recipient, "id") if row.address == "bob@example.net"]
    assert of_bob == ["bounced", "bounced"]
    assert {row.id: row.settled_at for row in rows(handles)} == before, "they were settled when they were sent"


@ON_SQLITE
@pytest.mark.parametrize(
    ("state", "handing_over", "expected"),
    [("sending", True, "bounced"), ("sending", False, "queued"), ("deferred", True, "queued")],
)
def test_only_what_is_being_handed_over_may_bounce_before_it_is_noted(
    handles: Handles, sent: list[str], state: str, handing_over: bool, expected: str
) -> None:
    change(handles, OutgoingMessage, state=state, handing_over=handing_over)
    change(handles, Recipient, state="queued")

    note(handles, rows(handles)[0].id)

    assert of_first(handles)["bob@example.net"].state == expected


@ON_SQLITE
def test_a_report_that_is_faster_than_the_senders_note_is_kept(handles: Handles, sent: list[str]) -> None:
    row = rows(handles)[0]
    change(handles, OutgoingMessage, state="sending", handing_over=True)
    change(handles, Recipient, state="queued")
    now = clock.utcnow()
    note(handles, row.id)

    results = {one.id: RecipientResult(OutgoingState.SENT, 250) for one in of_first(handles).values()}
    ending = Ending(OutgoingState.SENT, 1, now)
    settlement = Settlement(Lease(OutgoingMessage, row.id, "", row.fence), results=results, ending=ending)
    handles.database.writing(lambda session: settle(session, [settlement], (), now))

    assert {address: one.state for address, one in of_first(handles).items()} == {
        "bob@example.net": "bounced", "carol@example.net": "sent",
    }  # fmt: skip
