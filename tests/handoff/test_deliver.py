"""From intake to the receiver: in which order, how often, and that one that hangs holds up no other."""

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import clock
from core.db.doors import Database
from core.db.engine import sqlite_module
from core.handles import Handles
from core.handoff.deliver import deliver_handoff, settled
from core.handoff.receiver import refused
from core.handoff.turns import FIRST, LIFETIME, LONGEST, due_handoffs, next_attempt_at, wait_after
from core.models import Delivery, HandoffStatus, Record
from core.services.actor import Actor
from core.services.configuration.catalogue import RESOURCES
from core.workers.handoff import Handover
from tests.accounts import ON_SQLITE, message, rows_of
from tests.handoff.handing_over import ANSWER, hand_in, hand_over, handoff, let_time_pass, posting, states
from tests.handoff.receiver import Posted, Receiver
from tests.waiting import PATIENCE, until
from tests.workers.working import at_work

pytestmark = pytest.mark.usefixtures("account")

NOW = datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)


def test_a_new_record_and_its_follow_up_are_posted_in_order(handles: Handles, admin: Actor) -> None:
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1, body="Hello Ünï"), message(2, *ANSWER))
        hand_over(handles)
    (record,) = rows_of(handles, Record, "id")
    assert receiver.events == [(record.number, "record"), (record.number, "follow-up")]
    first = receiver.posted[0].document
    assert first["handoff"] == "crm"
    assert first["record"]["title"] == "Message 1"
    assert first["record"]["queue"] == "Raw"
    assert first["record"]["fields"] == {}
    assert first["message"]["message_id"] == "<1@mail.example.org>"
    assert first["message"]["record"] == record.number
    assert first["message"]["text"].strip() == "Hello Ünï"
    assert first["message"]["attachments"] == []
    assert states(handles) == [("delivered", 1), ("delivered", 1)]


def test_a_command_is_given_the_same_document(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    handoff(handles, admin, command=f"/usr/bin/tee -a {tmp_path / 'got'}")
    hand_in(handles, admin, message(1))
    hand_over(handles)
    assert b'"event":"record"' in (tmp_path / "got").read_bytes()


def test_a_refusal_holds_up_its_own_record_alone_and_is_tried_again(handles: Handles, admin: Actor) -> None:
    refused: set[str] = set()

    def answer(posted: Posted) -> int:
        return 422 if posted.document["record"]["title"] in refused else 200

    with Receiver(answer) as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1), message(2, *ANSWER), message(3))
        refused.add("Message 1")
        hand_over(handles)
        assert states(handles) == [("waiting", 1), ("waiting", 0), ("delivered", 1)]
        first = rows_of(handles, Delivery, "id")[0]
        assert "HTTP 422" in first.last_error
        assert first.next_attempt_at > clock.utcnow()
        hand_over(handles)
        assert states(handles)[0] == ("waiting", 1)  # not before its time

        refused.clear()
        let_time_pass(handles)
        hand_over(handles)
    assert states(handles) == [("delivered", 2), ("delivered", 1), ("delivered", 1)]
    assert [event for _, event in receiver.events] == ["record", "record", "record", "follow-up"]


def test_a_receiver_that_is_down_rests_and_is_not_asked_for_each_record(handles: Handles, admin: Actor) -> None:
    with Receiver(lambda _: 503) as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, *(message(number) for number in range(5)))
        hand_over(handles)
        hand_over(handles)
        assert len(receiver.posted) == 1
        (status,) = rows_of(handles, HandoffStatus, "handoff_id")
        assert (status.failures, status.rests_until > clock.utcnow(), "HTTP 503" in status.last_error) == (
            1,
            True,
            True,
        )

        receiver.answer = lambda _: 200
        let_time_pass(handles)
        hand_over(handles)
    assert [state for state, _ in states(handles)] == ["delivered"] * 5
    (status,) = rows_of(handles, HandoffStatus, "handoff_id")
    assert (status.failures, status.rests_until, status.last_error) == (0, None, "")
    assert status.lease_until is None


def test_one_that_hangs_holds_up_no_other(handles: Handles, admin: Actor) -> None:
    is_done = threading.Event()

    def hang(_: Posted) -> int:
        is_done.wait(PATIENCE)
        return 200

    with Receiver(hang) as hanging, Receiver() as prompt:
        posting(handles, admin, hanging, "a hanging one")
        posting(handles, admin, prompt, "prompt")
        hand_in(handles, admin, message(1), message(2))
        over = threading.Thread(target=hand_over, args=(handles,))
        over.start()
        try:
            until(lambda: len(prompt.posted) == 2)
            hand_in(handles, admin, message(3))  # and intake goes on
            assert len(hanging.posted) == 1
        finally:
            is_done.set()
            over.join()


def test_a_worker_hands_over_what_comes_until_it_is_told_to_stop(handles: Handles, admin: Actor) -> None:
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        with at_work(lambda stop: Handover(handles, stop).run()):
            for number in (1, 2):
                hand_in(handles, admin, message(number))
                until(lambda number=number: len(receiver.posted) == number)


def test_two_workers_do_not_offer_the_same_twice(handles: Handles, admin: Actor) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Posted) -> int:
        entered.set()
        leave.wait(PATIENCE)
        return 200

    with Receiver(slow) as receiver:
        handoff_id = posting(handles, admin, receiver)
        hand_in(handles, admin, message(1))
        first = threading.Thread(target=hand_over, args=(handles,))
        first.start()
        try:
            assert entered.wait(PATIENCE)
            assert deliver_handoff(handles, handoff_id, threading.Event()) is None
            with handles.database.reading() as session:
                assert due_handoffs(session, clock.utcnow()) == []
        finally:
            leave.set()
            first.join()
    assert len(receiver.posted) == 1


@ON_SQLITE
def test_a_database_that_is_busy_is_no_fault_of_ours(
    handles: Handles, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1))
        impatient = replace(handles, database=Database(handles.database.url, patience=0.05))
        with closing(sqlite_module().connect(handles.environment.database_file, isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            Handover(impatient, threading.Event()).run(once=True)
        impatient.database.close()
        assert receiver.posted == []
        assert "nothing was changed" in caplog.text
        assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
        hand_over(handles)
        assert len(receiver.posted) == 1


def test_without_its_secret_nothing_is_posted_until_there_is_one(handles: Handles, admin: Actor) -> None:
    with Receiver() as receiver:
        handoff(handles, admin, url=receiver.url)
        hand_in(handles, admin, message(1))
        hand_over(handles)
        assert receiver.posted == []
        RESOURCES["handoff"].change(handles, admin, "crm", {"secret": "s3cret"})
        let_time_pass(handles)
        hand_over(handles)
        assert len(receiver.posted) == 1


def test_what_nobody_took_for_days_is_given_up_and_the_next_goes_on() -> None:
    delivery = Delivery(
        handoff_id=1, record_id=1, message_id=1, event="record", attempts=3, next_attempt_at=NOW, created_at=NOW
    )
    no = refused("no")
    again = settled(delivery, no, NOW + timedelta(minutes=1))
    assert again == {"attempts": 4, "last_error": "no", "next_attempt_at": NOW + timedelta(minutes=1) + FIRST * 8}
    over = settled(delivery, no, NOW + LIFETIME)
    assert (over["state"], over["settled_at"]) == ("failed", NOW + LIFETIME)


def test_waits_double_up_to_an_hour_and_end_with_the_lifetime() -> None:
    assert [wait_after(failures) / FIRST for failures in (0, 1, 2, 3, 4)] == [1, 1, 2, 4, 8]
    assert wait_after(1000) == LONGEST
    assert next_attempt_at(50, NOW, NOW + LIFETIME - timedelta(minutes=1)) == NOW + LIFETIME
    assert next_attempt_at(50, NOW, NOW + LIFETIME) is None
