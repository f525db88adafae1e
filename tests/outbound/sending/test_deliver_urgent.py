"""Urgent mail overtakes: whatever the connections are busy with, it leaves by one of its own, or as the next over another."""

import asyncio
import threading

import pytest

from core.handin import hand_in
from core.mail.envelope import OutgoingEnvelope
from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import QUICK, add_mailbox, mail, mailbox_status, put, states, subjects
from tests.servers.smtp import Action, Phase, RuledSession, RuledSink
from tests.waiting import PATIENCE, until
from tui.demo.ledger import Delivered


class HeldSession(RuledSession):
    """Answers the final dot of bulk mail only when it is let go."""

    sink: "HeldSink"

    async def settle(self, delivered: Delivered) -> str:
        if b"bulk" in delivered.raw:
            self.sink.holding += 1
            while not self.sink.let_go.acquire(blocking=False):
                await asyncio.sleep(0.005)
            self.sink.holding -= 1
        return await super().settle(delivered)


class HeldSink(RuledSink):
    session_class = HeldSession

    def __init__(self, **values) -> None:
        super().__init__(**values)
        self.let_go = threading.Semaphore(0)
        self.holding = 0


@pytest.fixture
def held_sink():
    with HeldSink() as sink:
        yield sink


@pytest.fixture
def busy(handles, held_sink):
    """A pass with bulk mail whose two connections are both waiting for the relay; it is ended after the test."""
    main = add_mailbox(handles, "main", held_sink, rate_per_minute=50)
    put(handles, 60, lane="bulk", raw=mail("bulk"))
    thread = threading.Thread(target=deliver_due, args=(handles,), kwargs={"timeouts": QUICK, "couriers": 2})
    thread.start()
    until(lambda: held_sink.holding == 2)
    # Forty of them are in hand, and that is all of the rate that bulk mail may have.
    assert sum(count for _, count in mailbox_status(handles, main).rate_taken) == 40
    yield main
    for _ in range(100):
        held_sink.let_go.release()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_an_urgent_message_leaves_while_all_connections_are_busy_and_the_rate_is_used_up(handles, held_sink, busy):
    put(handles, lane="urgent", raw=mail("urgent"))
    assert len(held_sink.wait_for(1)) == 1
    # Nothing else has moved.
    assert (subjects(held_sink), held_sink.holding, held_sink.connections) == (["urgent"], 2, 3)
    until(lambda: "sent" in states(handles))

    put(handles, lane="urgent", raw=mail("urgent too"))
    assert len(held_sink.wait_for(2)) == 2
    assert subjects(held_sink)[1] == "urgent too"
    # The connection was kept for it.
    assert held_sink.connections == 3


def test_an_urgent_message_in_the_drop_folder_is_found_meanwhile(handles, held_sink, busy):
    hand_in(handles.environment, OutgoingEnvelope(("bob@example.net",), lane="urgent"), mail("urgent"))
    assert len(held_sink.wait_for(1)) == 1
    assert (subjects(held_sink), held_sink.holding) == (["urgent"], 2)


def test_where_the_relay_takes_no_further_connection_the_first_to_be_free_takes_the_urgent_one(
    handles, held_sink, busy
):
    held_sink.rule(Phase.CONNECT, "421 4.7.0 too many connections from you")
    # One of each window has left, so the relay is known to work for those that are there.
    for _ in range(2):
        held_sink.let_go.release()
    until(lambda: len(held_sink.deliveries) == 2 and held_sink.holding == 2)
    put(handles, lane="urgent", raw=mail("urgent"))
    until(lambda: held_sink.hits[Phase.CONNECT] >= 3)

    # On each connection two are begun: the second one's envelope went with the first. So one is free after three.
    for _ in range(3):
        held_sink.let_go.release()

    until(lambda: "urgent" in subjects(held_sink))
    assert subjects(held_sink).index("urgent") <= 2 + 3
    assert mailbox_status(handles, busy).cooling_until is None


def test_urgent_messages_come_before_what_was_queued_earlier(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 3, lane="bulk", raw=mail("bulk"))
    put(handles, 3, raw=mail("normal"))
    put(handles, 3, lane="urgent", raw=mail("urgent"))
    deliver_due(handles, timeouts=QUICK, couriers=1)
    assert subjects(smtp_sink) == ["urgent"] * 3 + ["normal"] * 3 + ["bulk"] * 3


def test_a_relay_that_fails_for_urgent_mail_is_left_for_the_failover(handles, smtp_sink):
    with RuledSink() as second_sink:
        spare = add_mailbox(handles, "spare", second_sink, active=False)
        add_mailbox(handles, "main", smtp_sink, failover=spare)
        smtp_sink.rule(Phase.MAIL, Action.DROP)
        put(handles, lane="urgent")
        assert deliver_due(handles, timeouts=QUICK).sent == 1
        assert len(second_sink.deliveries) == 1
