"""From intake to the receiver: what is offered, in which order, how often, and that one that hangs holds up no other."""

import io
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core import clock
from core.db.bulk import table_of
from core.errors import BadInput
from core.handles import Handles
from core.handoff.deliver import Limits, deliver_handoff, settled
from core.handoff.receiver import Reception
from core.handoff.turns import FIRST, LIFETIME, LONGEST, due_handoffs, next_attempt_at, wait_after
from core.inbound.handed_in import HandedIn
from core.models import Delivery, HandoffStatus, Queue, Record
from core.resources.catalogue import kind_named
from core.services import deliveries, records, search
from core.services.actor import Actor, Role
from core.services.catalogue import RESOURCES
from core.services.intake import take_in
from core.workers.handoff import Handover
from tests.accounts import LONG_AGO, add_account, message, rows_of
from tests.handoff.receiver import Posted, Receiver
from tests.services.worlds import add
from tests.waiting import PATIENCE, until
from tests.workers.sweeping import sweep

NOW = datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)
ANSWER = ("References: <1@mail.example.org>",)


@pytest.fixture(autouse=True)
def account(handles: Handles) -> int:
    return add_account(handles)


def hand_in(handles: Handles, actor: Actor, *messages: bytes) -> None:
    files = [
        HandedIn(f"{number}.eml", lambda one=one: nullcontext(io.BytesIO(one))) for number, one in enumerate(messages)
    ]
    assert take_in(handles, actor, "a", files).error == ""


def handoff(handles: Handles, actor: Actor, name: str = "crm", **values: Any) -> int:
    way = {} if values.keys() & {"command", "url"} else {"command": "/bin/true"}
    values = {"command": "", **way, **values}
    return add(handles, actor, "handoff", name, **values)


def posting(handles: Handles, actor: Actor, receiver: Receiver, name: str = "crm", **values: Any) -> int:
    return handoff(handles, actor, name, url=receiver.url, secret="s3cret", **values)


def hand_over(handles: Handles, seconds: float = 5.0) -> None:
    """One pass, as `--worker --once` makes it."""
    Handover(handles, threading.Event(), limits=Limits(seconds=seconds)).run(once=True)


def states(handles: Handles) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in rows_of(handles, Delivery, "id")]


def let_time_pass(handles: Handles) -> None:
    """As if every wait were over."""

    def work(session: Any) -> None:
        session.connection().execute(update(table_of(Delivery)).values(next_attempt_at=LONG_AGO))
        session.connection().execute(update(table_of(HandoffStatus)).values(rests_until=None))

    handles.database.writing(work)


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


def test_without_hand_offs_nothing_is_noted(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin, active=False)
    hand_in(handles, admin, message(1))
    assert states(handles) == []


def test_only_records_are_offered_not_what_is_ignored_or_a_bounce(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    add(handles, admin, "filter", "spam", set={"X-OTOBO-Ignore": "yes"})
    hand_in(handles, admin, message(1, "Subject: invoice"), message(2))
    assert len(states(handles)) == 1


@pytest.mark.parametrize(
    ("queues", "types", "offered"),
    [([], [], 2), (["Raw"], [], 2), (["Junk"], [], 0), ([], ["Ticket"], 2), ([], ["Grievance"], 0), (["Raw", "Junk"], ["Ticket"], 2)],
)  # fmt: skip
def test_a_hand_off_chooses_by_queue_and_record_type(
    handles: Handles, admin: Actor, queues: list[str], types: list[str], offered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inbound.record_types.names", lambda: ("Ticket", "Grievance"))
    handoff(handles, admin, queues=queues, types=types)
    hand_in(handles, admin, message(1))
    hand_in(handles, admin, message(2, *ANSWER))
    assert len(states(handles)) == offered


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
        over = threading.Thread(target=hand_over, args=(handles, 10.0))
        over.start()
        try:
            until(lambda: len(prompt.posted) == 2)
            hand_in(handles, admin, message(3))  # and intake goes on
            assert len(hanging.posted) == 1
        finally:
            is_done.set()
            over.join()


def test_a_worker_hands_over_what_comes_until_it_is_told_to_stop(handles: Handles, admin: Actor) -> None:
    stop = threading.Event()
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        worker = threading.Thread(target=Handover(handles, stop).run)
        worker.start()
        try:
            for number in (1, 2):
                hand_in(handles, admin, message(number))
                until(lambda number=number: len(receiver.posted) == number)
        finally:
            stop.set()
            worker.join(PATIENCE)
        assert not worker.is_alive()


def test_two_workers_do_not_offer_the_same_twice(handles: Handles, admin: Actor) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Posted) -> int:
        entered.set()
        leave.wait(PATIENCE)
        return 200

    with Receiver(slow) as receiver:
        handoff_id = posting(handles, admin, receiver)
        hand_in(handles, admin, message(1))
        first = threading.Thread(target=hand_over, args=(handles, 20.0))
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
    refused = Reception(False, "no")
    again = settled(delivery, refused, NOW + timedelta(minutes=1))
    assert again == {"attempts": 4, "last_error": "no", "next_attempt_at": NOW + timedelta(minutes=1) + FIRST * 8}
    over = settled(delivery, refused, NOW + LIFETIME)
    assert (over["state"], over["settled_at"]) == ("failed", NOW + LIFETIME)


def test_waits_double_up_to_an_hour_and_end_with_the_lifetime() -> None:
    assert [wait_after(failures) / FIRST for failures in (0, 1, 2, 3, 4)] == [1, 1, 2, 4, 8]
    assert wait_after(1000) == LONGEST
    assert next_attempt_at(50, NOW, NOW + LIFETIME - timedelta(minutes=1)) == NOW + LIFETIME
    assert next_attempt_at(50, NOW, NOW + LIFETIME) is None


def test_a_record_that_is_gone_is_told_of_no_more(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    hand_in(handles, admin, message(1))

    def forget(session: Any) -> None:
        session.connection().execute(update(table_of(Delivery)).values(record_id=99))

    handles.database.writing(forget)
    hand_over(handles)
    assert states(handles) == [("failed", 0)]


def test_deliveries_are_listed_retried_and_given_up(handles: Handles, admin: Actor) -> None:
    with Receiver(lambda _: 500) as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1), message(2, *ANSWER))
        hand_over(handles)
        operator = Actor("o", "h", Role.OPERATOR)
        kind = kind_named("delivery")
        newest, oldest = search.matching(handles, operator, kind).rows
        assert (oldest["handoff"], oldest["event"], oldest["state"]) == ("crm", "record", "waiting")
        assert newest["record"] == rows_of(handles, Record, "id")[0].number
        assert search.count(handles, operator, kind, "state:waiting") == 2
        (listed,) = search.matching(handles, operator, kind_named("handoff")).rows
        assert (listed["waiting"], "HTTP 500" in listed["last_error"]) == (2, True)

        assert deliveries.cancel(handles, operator, [oldest["id"]]) == 1
        receiver.answer = lambda _: 200
        hand_over(handles)
        assert states(handles) == [("failed", 1), ("delivered", 1)]
        assert deliveries.retry(handles, operator, [oldest["id"], newest["id"]]) == 1
        hand_over(handles)
        assert states(handles) == [("delivered", 2), ("delivered", 1)]
        assert deliveries.retry(handles, operator, None) == 0


def test_a_released_message_is_offered_too(handles: Handles, admin: Actor) -> None:
    from core.services import quarantine

    handoff(handles, admin)
    add(handles, admin, "address", "support@example.com")
    ours = message(1, "From: <support@example.com>", "Auto-Submitted: auto-replied")
    hand_in(handles, admin, ours)
    assert states(handles) == []
    quarantine.release(handles, admin, 1, "Junk")
    assert states(handles) == [("waiting", 0)]


def test_settled_deliveries_are_removed_with_the_runs(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    hand_in(handles, admin, message(1), message(2))

    def age(session: Any) -> None:
        table = table_of(Delivery)
        old = update(table).where(table.c.id == 1).values(state="delivered", settled_at=LONG_AGO)
        session.connection().execute(old)

    handles.database.writing(age)
    sweep(handles)
    assert states(handles) == [("waiting", 0)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"command": "crm --take"}, "command"),
        ({"command": "/bin/sh 'x"}, "command"),
        ({"command": "/bin/true", "url": "https://hooks.example.org/"}, "command"),
        ({"command": "", "url": "http://hooks.example.org/"}, "url"),
        ({"command": "", "url": "https://user:pw@hooks.example.org/"}, "url"),
        ({"command": "/bin/true", "queues": ["Nowhere"]}, "queues"),
        ({"command": "/bin/true", "types": ["Moon"]}, "types"),
    ],
)
def test_a_hand_off_that_could_not_work_is_refused(
    handles: Handles, admin: Actor, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        RESOURCES["handoff"].add(handles, admin, "crm", values)
    assert refused.value.problems[0].field == field


def test_records_changed_by_hand_are_told_as_they_are_when_delivered(handles: Handles, admin: Actor) -> None:
    with Receiver() as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1))
        (record,) = rows_of(handles, Record, "id")
        records.change(handles, admin, record.number, {"queue": "Junk"})
        hand_over(handles)
    assert receiver.posted[0].document["record"]["queue"] == "Junk"
    assert {row.name for row in rows_of(handles, Queue, "id")} >= {"Raw", "Junk"}


def test_a_command_that_nobody_can_run_here_is_worth_a_word(handles: Handles, admin: Actor) -> None:
    saved = RESOURCES["handoff"].add(handles, admin, "crm", {"command": "/no/such --now"})
    assert "no such program" in saved.warnings[0]
    assert RESOURCES["handoff"].change(handles, admin, "crm", {"command": "/bin/true"}).warnings == ()
