"""The sending half of a worker: sends what comes, answers orders, ends when told."""

import threading

import pytest

from core.errors import StoreError
from core.handin import hand_in
from core.mail.envelope import OutgoingEnvelope
from core.models import OutgoingMessage
from core.services.requests import ask, follow
from core.workers import sender as module
from core.workers.health import Heartbeat
from core.workers.sender import Sender
from tests.outbound.world import add_mailbox, change, mail, put, states
from tests.waiting import PATIENCE, until
from tests.workers.working import at_work


@pytest.fixture
def running(handles):
    """A sender at work in a thread; it is ended, and what ended it is told, after the test."""
    stop = threading.Event()
    failed = []

    def work():
        try:
            Sender(handles, stop).run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    yield stop
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert failed == []


def test_once_does_what_is_due_and_returns(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    put(handles, 3)
    hand_in(handles.environment, OutgoingEnvelope(("b@example.net",)), mail("dropped"))
    summary = Sender(handles, threading.Event()).run(once=True)
    assert summary.sent == 4


def test_what_is_handed_in_or_queued_meanwhile_leaves_by_itself(handles, smtp_sink, running):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    assert len(smtp_sink.wait_for(1)) == 1
    hand_in(handles.environment, OutgoingEnvelope(("b@example.net",)), mail("dropped"))
    assert len(smtp_sink.wait_for(2)) == 2
    until(lambda: states(handles) == ["sent", "sent"])
    # One login for both.
    assert smtp_sink.connections == 1


@pytest.fixture
def alive(handles):
    """Who follows an order looks for a worker that is alive."""
    heartbeat = Heartbeat(handles, "send")
    heartbeat.start()
    yield
    heartbeat.close()


@pytest.mark.usefixtures("running", "alive")
def test_an_order_to_deliver_is_answered(handles, admin):
    request = ask(handles, admin, "deliver", "outbox:")
    until(lambda: follow(handles, request).is_over)
    assert follow(handles, request).state == "done"


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(("fails_with", "state"), [(StoreError("away"), "done"), (ValueError("ours"), "failed")])
def test_an_order_is_answered_though_its_pass_failed(handles, admin, monkeypatch, fails_with, state):
    monkeypatch.setattr(module, "PATIENCE_AFTER_FAULT", 0.05)
    failing, deliver = [fails_with], module.deliver_due
    request = ask(handles, admin, "deliver", "outbox:")

    def fails_at_first(*args, **named):
        if failing:
            raise failing.pop()
        return deliver(*args, **named)

    monkeypatch.setattr(module, "deliver_due", fails_at_first)
    with at_work(lambda stop: Sender(handles, stop).run()):
        until(lambda: follow(handles, request).is_over)
    assert follow(handles, request).state == state


def test_a_database_that_was_away_is_survived(handles, smtp_sink, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_AFTER_FAULT", 0.05)
    add_mailbox(handles, "main", smtp_sink)
    deliver, calls = module.deliver_due, []

    def away_at_first(*args, **named):
        calls.append(1)
        if len(calls) == 1:
            raise StoreError("away")
        return deliver(*args, **named)

    monkeypatch.setattr(module, "deliver_due", away_at_first)
    with at_work(lambda stop: Sender(handles, stop).run()):
        put(handles)
        until(lambda: states(handles) == ["sent"])


def test_nothing_due_means_no_pass(handles, smtp_sink, monkeypatch):
    add_mailbox(handles, "main", smtp_sink)
    put(handles)
    change(handles, OutgoingMessage, state="sent")
    sender = Sender(handles, threading.Event())
    sender.run(once=True)
    assert not sender._has_work()
    put(handles)
    assert sender._has_work()
