"""Intake by hand: files through an account's rules, by the path that a fetch takes."""

import hashlib
import io
import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import NotFound, NotPermitted, StoreBusy
from core.handles import Handles
from core.inbound import by_hand
from core.inbound.explain import explain
from core.inbound.handed_in import HandedIn
from core.inbound.run.closing import RunOutcome
from core.models import AccountStatus, Audit, Message, Quarantine, RawMessage, Record, RunState
from core.runlog import Line
from core.services.actor import Actor, Role
from core.services.intake import take_in
from core.services.what_if.explaining import account_named
from tests.accounts import (
    add_account,
    change_account,
    claim_account,
    lines,
    message,
    raws,
    rows_of,
    run_row,
    status_of,
    stored,
)

CURIOUS = [
    b"", b"\x00", b"\r\n\r\nbody", b"From: a@example.org\r\nSubject: =?x?b?////?=\r\n\r\n" + bytes(range(256)),
    b"From: <>\r\nDate: 31 Feb 2050\r\n\r\n", message("q", "Subject: [Ticket#2026112010000001] unknown"),
    message("s", "X-OTOBO-Queue: Junk", "X-Postroom-Priority: 7"),
]  # fmt: skip


@pytest.fixture
def account_id(handles: Handles) -> int:
    # A server that is told of each message, if there were one.
    return add_account(handles, after_fetch="delete", mark_seen=True)


def file(*messages: bytes, name: str = "letter.eml") -> HandedIn:
    return HandedIn(name, lambda: nullcontext(io.BytesIO(b"".join(messages))))


def box(*messages: bytes, at: str = "Fri Nov 20 21:04:10 2020") -> HandedIn:
    data = b"".join(f"From x@example.org {at}\n".encode() + one + b"\n" for one in messages)
    return HandedIn("old.mbox", lambda: nullcontext(io.BytesIO(data)))


def hand_in(handles: Handles, actor: Actor, *files: HandedIn, **options: Any) -> RunOutcome:
    outcome = take_in(handles, actor, "a", files, **options)
    assert outcome.error == ""
    return outcome


def test_a_message_is_taken_in_byte_for_byte_with_a_run_as_of_a_fetch(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    raw = message(1, body="\x00 \xff")
    outcome = hand_in(handles, admin, file(raw))

    (one,) = rows_of(handles, Message, "id")
    assert raws(handles) == [raw]
    assert (one.account_id, one.folder, one.uidvalidity, one.uid) == (account_id, "intake", 0, 0)
    assert one.uidl == f"sha256:{one.sha256}:1"
    assert one.acknowledged_at is not None  # there is no server to be told
    run = run_row(handles, outcome.run_id)
    assert (run.state, run.account, run.fetched, run.records) == ("ok", "a", 1, 1)
    (record,) = rows_of(handles, Record, "id")
    assert f"info message message letter.eml → Ticket {record.number}, queue Raw" in lines(handles, outcome.run_id)
    assert [(line.verb, line.name) for line in rows_of(handles, Audit, "id")] == [("intake", "a")]


def test_the_same_file_again_is_skipped_and_said_so(handles: Handles, admin: Actor, account_id: int) -> None:
    told: list[Line] = []
    first, second = file(message(1)), file(message(1), name="again.eml")

    assert hand_in(handles, admin, first).counts.fetched == 1
    outcome = hand_in(handles, admin, first, second, listener=told.append)

    assert (outcome.counts.fetched, outcome.counts.skipped) == (0, 2)
    assert len(stored(handles)) == 1
    assert [line.text for line in told if "already, skipped" in line.text] == [
        "letter.eml is here already, skipped",
        "again.eml is here already, skipped",
    ]
    assert outcome.state is RunState.OK


def test_what_is_here_already_is_told_in_the_order_of_the_files(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    told: list[Line] = []
    mails = sorted((message(number) for number in range(5)), key=lambda raw: hashlib.sha256(raw).digest(), reverse=True)
    hand_in(handles, admin, box(*mails))
    hand_in(handles, admin, box(*mails), listener=told.append)

    names = [line.text.partition(" is here")[0] for line in told if "already, skipped" in line.text]
    assert names == ["old.mbox", "old.mbox 2", "old.mbox 3", "old.mbox 4", "old.mbox 5"]


def test_the_same_file_twice_in_one_command_is_taken_in_once(handles: Handles, admin: Actor, account_id: int) -> None:
    outcome = hand_in(handles, admin, file(message(1)), file(message(2)), file(message(1)))
    assert (outcome.counts.fetched, outcome.counts.skipped) == (2, 1)


def test_equal_messages_of_one_mbox_are_each_a_message_and_the_same_ones_again(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    twins = box(message(1), message(2), message(1))
    assert hand_in(handles, admin, twins).counts.fetched == 3
    again = hand_in(handles, admin, twins)
    assert (again.counts.fetched, again.counts.skipped) == (0, 3)


def test_what_was_taken_in_is_known_whatever_becomes_of_the_accounts_server(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    hand_in(handles, admin, file(message(1)))
    change_account(handles, account_id, epoch=7, host="other.example.org")
    assert hand_in(handles, admin, file(message(1))).counts.skipped == 1


def test_a_message_of_an_mbox_may_answer_the_one_before(handles: Handles, admin: Actor, account_id: int) -> None:
    outcome = hand_in(handles, admin, box(message(1), message(2, "References: <1@mail.example.org>")))
    assert (outcome.counts.records, outcome.counts.follow_ups) == (1, 1)


def test_years_of_one_senders_mail_are_no_loop(handles: Handles, admin: Actor, account_id: int) -> None:
    mails = [
        message(number, f"Date: {1 + number % 28} Jan {1990 + number} 10:00 +0000", sender="ann@example.org")
        for number in range(30)
    ]
    outcome = hand_in(handles, admin, *(file(one) for one in mails))
    assert (outcome.counts.records, outcome.counts.quarantined) == (30, 0)


def test_what_came_at_once_is_one(handles: Handles, admin: Actor, account_id: int) -> None:
    outcome = hand_in(handles, admin, box(*(message(number, sender="ann@example.org") for number in range(30))))
    assert (outcome.counts.records, outcome.counts.quarantined) == (20, 10)


@pytest.mark.parametrize(
    ("raw", "received_at"),
    [
        (message(1, "Date: Fri, 20 Nov 2020 21:04:10 +0100"), datetime(2020, 11, 20, 20, 4, 10, tzinfo=UTC)),
        (
            message(1, "Date: Fri, 20 Nov 2020 21:04:10 +0100", "Received: by x; Sat, 21 Nov 2020 00:00:00 +0000"),
            datetime(2020, 11, 21, tzinfo=UTC),
        ),
    ],
)
def test_a_message_says_itself_when_it_was_received(
    handles: Handles, admin: Actor, account_id: int, raw: bytes, received_at: datetime
) -> None:
    hand_in(handles, admin, file(raw))
    assert [row.received_at for row in rows_of(handles, Message, "id")] == [received_at]


def test_nothing_is_received_in_the_future(handles: Handles, admin: Actor, account_id: int) -> None:
    hand_in(handles, admin, file(message(1, "Date: Fri, 20 Nov 2095 21:04:10 +0100")))
    (one,) = rows_of(handles, Message, "id")
    (record,) = rows_of(handles, Record, "id")
    assert one.received_at <= record.created_at


def test_what_is_over_the_accounts_limit_is_too_large_until_the_limit_is_raised(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    change_account(handles, account_id, max_size=500)
    mails = box(message(1), message(2, body="x" * 1000), message(3))

    first = hand_in(handles, admin, mails)
    assert (first.counts.fetched, first.counts.too_large) == (2, 1)
    change_account(handles, account_id, max_size=5000)
    second = hand_in(handles, admin, mails)

    assert (second.counts.fetched, second.counts.skipped) == (1, 2)
    assert [one.state for one in stored(handles)] == ["recorded"] * 3


def test_more_than_a_batch_is_taken_in_batch_by_batch(handles: Handles, admin: Actor, account_id: int) -> None:
    outcome = hand_in(handles, admin, box(*(message(number) for number in range(220))))
    assert outcome.counts.fetched == 220
    assert sum("batch of" in line for line in lines(handles, outcome.run_id)) == 3


def test_a_stop_ends_it_between_two_batches_and_the_same_command_goes_on(
    handles: Handles, admin: Actor, account_id: int
) -> None:
    stop = threading.Event()
    stop.set()
    mails = box(*(message(number) for number in range(120)))
    stopped = take_in(handles, admin, "a", [mails], stop=stop)
    assert (stopped.state, stopped.counts.fetched) == (RunState.STOPPED, 100)
    rest = hand_in(handles, admin, mails)
    assert (rest.counts.fetched, rest.counts.skipped) == (20, 100)


def test_the_accounts_own_due_time_and_health_are_left_alone(handles: Handles, admin: Actor, account_id: int) -> None:
    before = status_of(handles, account_id)
    hand_in(handles, admin, file(message(1)))
    after = status_of(handles, account_id)
    assert (after.due_at, after.status, after.last_run_id) == (before.due_at, before.status, before.last_run_id)
    assert after.lease_until is None


def test_while_the_account_is_fetched_nothing_is_taken_in(
    handles: Handles, admin: Actor, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_hand, "PATIENCE", 0.0)
    assert claim_account(handles, account_id) is not None
    with pytest.raises(StoreBusy, match="being fetched"):
        take_in(handles, admin, "a", [file(message(1))])
    assert stored(handles) == []


def test_a_run_that_died_is_left_for_the_next_fetch_to_find(handles: Handles, admin: Actor, account_id: int) -> None:
    from tests.accounts import expire_leases

    assert claim_account(handles, account_id) is not None
    expire_leases(handles)
    hand_in(handles, admin, file(message(1)))
    claimed = claim_account(handles, account_id)
    assert claimed is not None
    assert claimed.took_over


def test_a_file_that_breaks_in_the_middle_is_the_runs_failure(handles: Handles, admin: Actor, account_id: int) -> None:
    class Torn(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    torn = HandedIn("torn.eml", lambda: nullcontext(Torn(message(2))))
    outcome = take_in(handles, admin, "a", [file(message(1)), torn, file(message(3))])
    assert outcome.state is RunState.FAILED
    assert "torn.eml cannot be read" in outcome.error
    assert status_of(handles, account_id).lease_until is None
    assert len(stored(handles)) == 1


def test_what_cannot_be_judged_is_quarantined_under_its_own_name(
    handles: Handles, admin: Actor, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("no")

    monkeypatch.setattr("core.inbound.decisions.judging.judge", fail)
    assert hand_in(handles, admin, file(message(1))).counts.quarantined == 1
    assert hand_in(handles, admin, file(message(1))).counts.skipped == 1
    assert len(rows_of(handles, Quarantine, "message_id")) == 1


def test_a_file_without_a_message_is_named(handles: Handles, admin: Actor, account_id: int) -> None:
    outcome = hand_in(handles, admin, file(name="empty.eml"))
    assert "warning note empty.eml holds no message" in lines(handles, outcome.run_id)


@pytest.mark.parametrize("raw", [raw for raw in CURIOUS if raw])
def test_what_explain_says_is_what_intake_does(handles: Handles, admin: Actor, account_id: int, raw: bytes) -> None:
    change_account(handles, account_id, trusted=True)
    said = explain(handles, raw, account_named(handles, "a"))

    hand_in(handles, admin, file(raw))

    (row,) = rows_of(handles, Message, "id")
    (record,) = rows_of(handles, Record, "id")
    assert row.state == said.state
    assert row.trail == [list(step) for step in said.trail]
    assert (record.title, record.priority, record.customer) == tuple(
        said.values.get(name, "") for name in ("title", "priority", "customer")
    )
    assert rows_of(handles, RawMessage, "message_id")[0].data == raw


def test_who_may_and_by_which_account(handles: Handles, admin: Actor, account_id: int) -> None:
    with pytest.raises(NotFound, match="no account 'b'"):
        take_in(handles, admin, "b", [file(message(1))])
    with pytest.raises(NotPermitted):
        take_in(handles, Actor("v", "h", Role.VIEWER), "a", [file(message(1))])
    assert take_in(handles, Actor("o", "h", Role.OPERATOR), "a", [file(message(1))]).counts.fetched == 1
    assert rows_of(handles, AccountStatus, "account_id")[0].fence == 1
