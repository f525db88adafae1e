"""PostgreSQL goes down under a worker and comes back: the worker says so, and goes on by itself."""

import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Shell
from tests.cli.furnished import add_mailbox
from tests.servers.postgres import Postgres
from tests.servers.smtp import RuledSink
from tests.waiting import until

MAIL = b"From: a@example.org\nSubject: x\n\nHello.\n"


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One of this test's own, since it is to go down."""
    with Postgres(durable=False) as server:
        yield server


def test_a_worker_outlives_a_crash_of_it(postroom: Shell, server: Postgres, smtp_sink: RuledSink) -> None:
    postroom.variables["POSTROOM_DATABASE_URL"] = server.create_database()
    add_mailbox(postroom, smtp_sink.port)
    worker = postroom.start("--worker")
    try:
        postroom.ok("send", "-f", "a@example.org", "b@example.net", stdin=MAIL)
        smtp_sink.wait_for(1, within=30)

        server.stop(signal.SIGQUIT)
        assert postroom("list", "worker").code == 75
        postroom.ok("send", "-f", "a@example.org", "b@example.net", stdin=MAIL)
        server.start()

        smtp_sink.wait_for(2, within=60)
        assert len(smtp_sink.deliveries) == 2
        until(lambda: postroom("list", "outbox", "state:sent", "--json").out.count("\n") == 2, 30)
    finally:
        worker.terminate()
        _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said.decode()
    assert b"Traceback" not in said
    assert b"out of reach" in said
