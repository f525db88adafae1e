"""Metrics and health, asked as Prometheus and a probe ask: over HTTP, of a worker's own thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core import clock
from core.errors import BadInput
from core.handles import Handles
from core.models import Alert
from core.outbound.listener import owner as listener_owner
from core.services import settings
from core.services.actor import Actor
from core.workers.metrics import metrics as metrics_module
from core.workers.metrics import server as server_module
from core.workers.metrics.metrics import Metrics
from tests.accounts import ON_SQLITE, add_account, at, change_status, fetched_well, message, rows_of
from tests.outbound.world import add_mailbox, put
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE, until
from tests.workers.working import at_work
from tui.demo.ports import free_port

Figures = dict[tuple[str, str], float]


class Monitor:
    """What a monitor sees at a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={} if host is None else {"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def figures(self) -> Figures:
        """Each sample by its name and its label's value."""
        status, text = self.ask("/metrics")
        assert status == 200
        return {
            (sample.name, ",".join(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def answers(self) -> bool:
        try:
            self.ask("/")
        except OSError:
            return False
        return True


@pytest.fixture
def port(handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> int:
    """Where the settings want metrics."""
    monkeypatch.setattr(metrics_module, "LOOK", 0.02)
    port = free_port()
    settings.change(handles, admin, {"metrics.enabled": True, "metrics.port": port})
    return port


def answering(handles: Handles) -> AbstractContextManager[object]:
    return at_work(lambda stop: Metrics(handles, stop).run())


def test_nothing_is_answered_until_it_is_wanted_and_never_beyond_this_machine(
    handles: Handles, admin: Actor, port: int
) -> None:
    settings.change(handles, admin, {"metrics.enabled": False})
    with answering(handles):
        settings.change(handles, admin, {"metrics.enabled": True})
        until(Monitor(port).answers)
        settings.change(handles, admin, {"metrics.enabled": False})
        until(lambda: not Monitor(port).answers())
    with pytest.raises(BadInput, match=r"metrics\.host"):
        settings.change(handles, admin, {"metrics.host": "0.0.0.0"})


def test_the_figures_are_what_the_database_holds(
    handles: Handles, dovecot: DovecotServer, smtp_sink: RuledSink, port: int
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(f"no {number}") for number in range(3)])
    add_account(handles, name=user, **at(dovecot, user))
    fetched_well(handles, user)
    failing = add_account(handles, name="failing", **at(dovecot, user))
    change_status(handles, failing, failures=4, status="failing", due_at=clock.utcnow() - timedelta(minutes=5))
    add_mailbox(handles, "relay", smtp_sink)
    put(handles)

    with answering(handles):
        monitor = Monitor(port)
        until(monitor.answers)
        figures = monitor.figures()

    assert figures["postroom_messages_total", ""] == 3
    assert figures["postroom_records_total", ""] == 3
    assert figures["postroom_outbox_messages", "queued"] == 1
    assert figures["postroom_outbox_messages", "held"] == 0
    assert figures["postroom_accounts", "ok"] == figures["postroom_accounts", "failing"] == 1
    assert figures["postroom_account_failures", "failing"] == 4
    assert figures["postroom_account_overdue_seconds", ""] >= 300
    assert figures["postroom_mailbox_failures", "relay"] == 0
    assert (clock.utcnow().timestamp() - figures["postroom_account_last_success_timestamp_seconds", user]) < 300
    assert ("process_resident_memory_bytes", "") in figures


def test_health_says_why_it_is_ill(handles: Handles, port: int) -> None:
    add_account(handles, name="waits")
    with answering(handles):
        monitor = Monitor(port)
        until(monitor.answers)
        assert monitor.ask("/healthz") == (200, "ok\n")

        change_status(handles, 1, due_at=clock.utcnow() - timedelta(hours=1))
        status, told = monitor.ask("/healthz")
        assert status == 503
        assert told.startswith("No worker is alive that fetches.")
        assert monitor.ask("/healthz", "HEAD") == (503, "")


@ON_SQLITE
def test_a_lost_database_is_ill_health_and_no_figures(handles: Handles, port: int) -> None:
    with answering(handles):
        monitor = Monitor(port)
        until(monitor.answers)
        for file in handles.environment.home.glob("postroom.db*"):
            file.rename(file.with_name(f"away-{file.name}"))
        # Only then: what is opened from now on finds nothing.
        handles.database.close()
        assert monitor.ask("/healthz")[0] == 503
        assert monitor.ask("/metrics")[0] == 503


def test_what_is_not_there_and_what_is_not_allowed_are_refused(handles: Handles, port: int) -> None:
    with answering(handles):
        monitor = Monitor(port)
        until(monitor.answers)
        assert monitor.ask("/nothing") == (404, "There are /metrics and /healthz.\n")
        assert monitor.ask("/metrics", "POST")[0] == 501
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as rude:
            rude.sendall(b"\x00\xff\r\n\r\n")
            assert b"400" in rude.recv(4096)
        assert monitor.ask("/healthz")[0] == 200


def test_who_drips_keeps_nobody_out(handles: Handles, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout for each read would never come: eight of these, and no monitor gets an answer any more."""
    monkeypatch.setattr(server_module, "SILENCE", 0.5)
    with answering(handles):
        until(Monitor(port).answers)
        with socket.create_connection(("127.0.0.1", port)) as dripping:
            dripping.setblocking(False)

            def is_over() -> bool:
                try:
                    dripping.sendall(b"x")
                    return dripping.recv(1) == b""
                except BlockingIOError:
                    return False
                except ConnectionError:
                    return True

            until(is_over, 30)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9925", 200),
        ("[::1]:9925", 200),
        ("LocalHost:9925", 200),
        ("a.localhost.", 200),
        (f"{socket.gethostname()}:9925", 200),
        ("", 200),
        ("rebound.example:9925", 421),
        ("localhost.rebound.example", 421),
        ("[", 421),
    ],
)
def test_a_web_page_whose_name_leads_here_is_told_nothing(handles: Handles, port: int, host: str, status: int) -> None:
    with answering(handles):
        until(Monitor(port).answers)
        for path in ("/healthz", "/metrics"):
            assert Monitor(port).ask(path, host=host)[0] == status


def test_a_strangers_program_that_answers_as_we_do_is_an_alert(
    handles: Handles, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_owner, "listening_user", lambda *_: 4_000_000_000)
    with answering(handles):
        until(Monitor(port).answers)
        with answering(handles):
            until(lambda: bool(rows_of(handles, Alert, "id")))
    assert "a program of 4000000000, who runs no worker of ours, listens there" in rows_of(handles, Alert, "id")[0].text


def test_one_worker_answers_for_all_of_a_home_and_another_takes_its_place(handles: Handles, port: int) -> None:
    with answering(handles):
        with answering(handles):
            until(Monitor(port).answers)
        until(Monitor(port).answers)
        assert Monitor(port).ask("/healthz")[0] == 200
    assert rows_of(handles, Alert, "id") == []


def test_a_port_that_another_program_has_is_an_alert_until_it_is_free(handles: Handles, port: int) -> None:
    def subjects() -> list[str]:
        return [alert.subject for alert in rows_of(handles, Alert, "id") if alert.closed_at is None]

    with hanging_up(port), answering(handles):
        until(lambda: subjects() == [f"metrics:{handles.host}:http"])
        assert f"Metrics cannot have 127.0.0.1:{port}" in rows_of(handles, Alert, "id")[0].text
    with answering(handles):
        until(Monitor(port).answers)
        until(lambda: subjects() == [])


@contextmanager
def hanging_up(port: int) -> Iterator[None]:
    """A program that has the port and hangs up on everybody."""
    stop = threading.Event()

    def hang_up(server: socket.socket) -> None:
        server.settimeout(0.05)
        while not stop.is_set():
            try:
                server.accept()[0].close()
            except TimeoutError:
                continue

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=hang_up, args=(server,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE)
