"""PostgreSQL goes down under a worker and comes back: the worker says so, and goes on by itself."""

import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Shell
from tests.cli.furnished import add_mailbox
from tests.servers.postgres import Postgres
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE, until

MAIL = b"From: a@example.org\nSubject: x\n\nHello.\n"


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One of this test's own, since it is to go down."""
    with Postgres(durable=False) as server:
        yield server


def sent(postroom: Shell) -> int:
    return postroom("list", "outbox", "state:sent", "--json").out.count("\n")


def test_a_worker_outlives_a_crash_of_it(postroom: Shell, server: Postgres, smtp_sink: RuledSink) -> None:
    postroom.variables["POSTROOM_DATABASE_URL"] = server.create_database()
    add_mailbox(postroom, smtp_sink.port)
    worker = postroom.start("--worker")
    try:
        postroom.ok("send", "-f", "a@example.org", "b@example.net", stdin=MAIL)
        # With the relay's word kept, too: what it says of a message in the moment of the crash would stay uncertain.
        until(lambda: sent(postroom) == 1)

        server.stop(signal.SIGQUIT)
        assert postroom("list", "worker").code == 75
        postroom.ok("send", "-f", "a@example.org", "b@example.net", stdin=MAIL)
        server.start()

        until(lambda: sent(postroom) == 2)
        assert len(smtp_sink.deliveries) == 2
    finally:
        worker.terminate()
        _, said = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, said.decode()
    assert b"Traceback" not in said
    assert b"out of reach" in said
