"""The sender killed at each point of a message's way: every message arrives, twice only where the outbox said so."""

import random
import time
from collections import Counter
from datetime import timedelta

import pytest

from core import clock
from core.models import OutgoingMessage
from tests.accounts import ON_SQLITE
from tests.crash.fetching_process import KILLED
from tests.crash.sending_process import start_sending
from tests.forked import CONTEXT
from tests.outbound.world import add_mailbox, attempts, change, make_due, put, rows, states
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE, until

MESSAGES = 200


def send_once(handles, failpoint="") -> int:
    code, said = start_sending(handles.environment, failpoint).ended(PATIENCE)
    assert code in (0, KILLED), said
    return code


def let_leases_run_out(handles) -> None:
    """As if a minute went by; and what waits for its back-off is due."""
    past = clock.utcnow() - timedelta(seconds=90)
    from sqlalchemy import update

    from core.db.bulk import table_of

    table = table_of(OutgoingMessage)
    late = update(table).where(table.c.state == "sending").values(lease_until=past)
    handles.database.writing(lambda session: session.connection().execute(late))
    make_due(handles)


def finish(handles) -> None:
    """Unhurt passes until everything is sent; one frees what was lost, one sends what was uncertain."""
    for _ in range(4):
        let_leases_run_out(handles)
        assert send_once(handles) == 0
        if set(states(handles)) == {"sent"}:
            return
    raise AssertionError(Counter(states(handles)))


def check(handles, sink, message_ids) -> Counter:
    """Every message is at the sink; more than once only as often as its history says that it was uncertain."""
    copies = Counter(
        line.partition(b": ")[2].decode()
        for delivered in sink.deliveries
        for line in delivered.raw.split(b"\r\n")
        if line.startswith(b"Message-ID: ")
    )
    said = Counter(attempt.outgoing_id for attempt in attempts(handles) if attempt.outcome == "uncertain")
    assert set(copies) == set(message_ids)
    for row in rows(handles):
        assert row.state == "sent"
        assert copies[row.message_id] <= 1 + said[row.id], row.message_id
    return copies


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("place", ["K10", "K11", "K12", "K13", "K14"])
def test_a_kill_at_a_failpoint_loses_nothing_and_doubles_only_what_was_uncertain(handles, smtp_sink, place, nth):
    add_mailbox(handles, "main", smtp_sink)
    message_ids = put(handles, MESSAGES)
    # K10 is passed once for each batch that is taken, also for an empty one.
    nth = min(nth, 1) if place == "K10" else nth

    assert send_once(handles, f"{place}:kill@{nth}") == KILLED

    handed_over = {row.message_id for row in rows(handles) if row.handing_over}
    taken = {row.message_id for row in rows(handles) if row.state == "sent"}
    assert not handed_over & taken
    if place == "K10":
        assert (handed_over, len(smtp_sink.deliveries)) == (set(), 0)
    finish(handles)
    copies = check(handles, smtp_sink, message_ids)
    assert all(copies[message_id] == 1 for message_id in set(message_ids) - handed_over)


def test_a_kill_between_the_reply_and_its_commit_is_told_as_uncertain(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    # The first commit marks the window, the second settles it.
    send_once(handles, "K13:kill@2")
    assert len(smtp_sink.deliveries) == 1

    let_leases_run_out(handles)
    send_once(handles)

    assert states(handles) == ["uncertain"]
    assert len(smtp_sink.deliveries) == 1
    let_leases_run_out(handles)
    send_once(handles)
    assert (states(handles), len(smtp_sink.deliveries)) == (["sent"], 2)


@ON_SQLITE
@pytest.mark.parametrize("failpoint", ["K12:kill@3", "K14:kill@3"])
def test_a_kill_between_the_parts_of_a_message_to_many_doubles_only_the_part_in_hand(handles, failpoint):
    with RuledSink(most_recipients=10) as sink:
        add_mailbox(handles, "main", sink)
        everyone = tuple(f"r{number}@example.net" for number in range(60))
        put(handles, to=everyone)

        assert send_once(handles, failpoint) == KILLED
        assert len(sink.deliveries) in (2, 3)
        finish(handles)

        copies = Counter(address for delivered in sink.deliveries for address in delivered.recipients)
        assert set(copies) == set(everyone)
        # The relay had the third part; its reply never came.
        twice = {address for address, count in copies.items() if count > 1}
        assert twice == (set(everyone[20:30]) if failpoint.startswith("K12") else set())
        assert "uncertain" in [attempt.outcome for attempt in attempts(handles)] or not twice


def test_kills_at_random_moments_lose_nothing(handles, smtp_sink):
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    add_mailbox(handles, "main", smtp_sink)
    message_ids = put(handles, 300)
    for _ in range(6):
        process = start_sending(handles.environment)
        before = len(smtp_sink.deliveries)
        # Once it is under way it is killed at any moment.
        until(lambda count=before, sending=process: len(smtp_sink.deliveries) > count or sending.has_ended)
        deadline = time.monotonic() + chance.uniform(0, 0.15)
        while time.monotonic() < deadline and not process.has_ended:
            smtp_sink.wait_for(10**6, within=0.005)
        process.kill()
        process.ended(PATIENCE)
        let_leases_run_out(handles)
        if set(states(handles)) == {"sent"}:
            break
    finish(handles)
    check(handles, smtp_sink, message_ids)


def test_two_senders_at_once_send_each_message_once(handles, smtp_sink):
    add_mailbox(handles, "one", smtp_sink)
    add_mailbox(handles, "two", smtp_sink)
    message_ids = put(handles, 300)
    both = [start_sending(handles.environment), start_sending(handles.environment)]
    for process in both:
        assert process.ended(PATIENCE) == (0, "")
    copies = check(handles, smtp_sink, message_ids)
    assert set(copies.values()) == {1}
    shares = Counter(row.sent_by_id for row in rows(handles))
    assert max(shares.values()) - min(shares.values()) <= 3, shares  # 1 % of 300


def test_a_sender_that_sleeps_past_its_lease_settles_nothing_that_another_took_over(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    awake = CONTEXT.Event()
    process = start_sending(handles.environment, f"K13:sleep{PATIENCE}@2", awake=awake)
    # The relay has it; the sender sleeps before it writes that down.
    smtp_sink.wait_for(1, within=PATIENCE)
    change(handles, OutgoingMessage, lease_until=clock.utcnow() - timedelta(seconds=30))
    assert send_once(handles) == 0
    assert states(handles) == ["uncertain"]

    awake.set()
    code, said = process.ended(PATIENCE)

    assert code == 0, said
    assert states(handles) == ["uncertain"]
    assert [attempt.outcome for attempt in attempts(handles)] == ["uncertain"]
