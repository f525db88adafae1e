"""One thread serves all connections: whoever waits, for a relay or for something done aside, keeps nobody else."""

import socket
import threading

import pytest

from core.errors import DeadlineExceeded
from core.outbound.sending.deliver import deliver_due
from core.outbound.sending.errand import aside
from core.outbound.sending.rota import Rota
from core.protocols.resolve import Address
from core.protocols.wire import Wire
from tests.fakes.proxy import Proxy
from tests.outbound.world import QUICK, add_mailbox, mail, put, states
from tests.servers.smtp import Action, Phase, RuledSink
from tests.waiting import PATIENCE, until


@pytest.fixture
def rota():
    faults = []
    serving = Rota()
    serving.begin(faults.append)
    yield serving
    serving.finish()
    serving.close()
    assert not faults


@pytest.fixture
def ends():
    """A wire, and the socket at its other end."""
    near, far = socket.socketpair()
    wire = Wire(near, Address(socket.AF_INET, "127.0.0.1", 25), "relay:25")
    yield wire, far
    wire.close()
    far.close()


def test_others_go_on_while_one_does_something_aside(rota):
    done, go_on = [], threading.Event()

    def slow():
        yield from aside(lambda: go_on.wait(PATIENCE))
        done.append("slow")

    def quick():
        yield from aside(lambda: None)
        done.append("quick")

    rota.join_in(slow())
    rota.join_in(quick())
    until(lambda: done == ["quick"])
    go_on.set()
    until(lambda: done == ["quick", "slow"])


def test_what_goes_wrong_aside_is_raised_where_it_was_asked_for(rota):
    told = []

    def course():
        try:
            yield from aside(lambda: 1 // 0)
        except ZeroDivisionError as error:
            told.append(error)

    rota.join_in(course())
    until(lambda: told)


def test_a_relay_that_stays_silent_is_left_at_the_deadline(rota, ends):
    wire, _ = ends
    told = []

    def course():
        wire.begin("dot", 0.3, 1000)
        try:
            yield from wire.receiving()
        except DeadlineExceeded as error:
            told.append(str(error))

    rota.join_in(course())
    until(lambda: told == ["The server was too slow to answer (dot)."])


def test_a_relay_that_reads_slowly_gets_all_of_it(rota, ends):
    wire, far = ends
    data, received, answers = bytes(range(256)) * 20_000, bytearray(), []

    def course():
        wire.begin("dot", 15, 1000)
        yield from wire.sending(data)
        while (line := wire.line_at_hand()) is None:
            yield from wire.receiving()
        answers.append(line)

    rota.join_in(course())
    while len(received) < len(data):
        received += far.recv(100_000)
    far.sendall(b"250 ")
    far.sendall(b"taken\r\n")
    until(lambda: answers == [b"250 taken\r\n"])
    assert received == data


def test_ringing_after_the_end_disturbs_nobody():
    rota = Rota()
    rota.close()
    rota.ring()


def test_a_connection_that_hangs_keeps_no_other(handles):
    with RuledSink() as sink, Proxy(sink.port) as way:
        sink.rule(Phase.DOT, Action.TAKE_THEN_HANG, first=1)
        add_mailbox(handles, "main", way)
        put(handles, 60)
        thread = threading.Thread(target=deliver_due, args=(handles,), kwargs={"timeouts": QUICK, "couriers": 2})
        thread.start()
        # All but the window that the silent connection has marked, and the one it has taken next.
        until(lambda: states(handles).count("sent") >= 44)
        assert states(handles).count("sending") > 0
        way.cut_all()
        thread.join(PATIENCE)
    assert states(handles).count("sent") + states(handles).count("uncertain") == 60


def test_large_messages_leave_beside_small_ones(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    body = b"The quick brown fox jumps over the lazy dog.\r\n" * 40_000
    large = mail("large") + body
    put(handles, raw=large)
    put(handles, 3)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent"] * 4
    assert sorted(len(delivered.raw) > 1_000_000 for delivered in smtp_sink.deliveries) == [False] * 3 + [True]
