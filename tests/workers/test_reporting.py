"""What a service manager hears of a worker, on a socket as systemd's is (sd_notify(3))."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import clock
from core.workers.part import Part
from core.workers.reporting import Reporting
from core.workers.service_manager import ServiceManager, service_manager
from tests import waiting
from tests.fakes.service_manager import Ear
from tests.waiting import PATIENCE


@pytest.fixture(params=["a path", "an abstract name"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    opened = Ear(str(tmp_path / "notify") if request.param == "a path" else f"@postroom-test-{os.getpid()}")
    yield opened
    opened.close()


def wait_for_the_end(pulse: threading.Event) -> None:
    pulse.wait()


def test_ready_is_told_when_every_loop_has_begun_and_the_end_when_it_is_asked_for(ear: Ear) -> None:
    stop, comes_late = threading.Event(), threading.Event()

    def late(pulse: threading.Event) -> None:
        comes_late.wait(PATIENCE)
        pulse.wait()

    parts = [Part("early", wait_for_the_end, stop), Part("late", late, stop)]
    reporting = Reporting(ServiceManager(ear.address, watchdog=0.1), parts, stop, works="Fetches and sends.")
    for part in parts:
        part.start()
    reporting.start()
    waiting.until(lambda: parts[0].pulse.has_begun)
    assert not parts[1].pulse.has_begun
    comes_late.set()

    assert ear.hear() == ["READY=1", "STATUS=Fetches and sends.", "WATCHDOG=1"]
    assert ear.hear() == ["STATUS=Fetches and sends.", "WATCHDOG=1"]
    stop.set()
    assert ear.hear_until("STOPPING=1") == ["STOPPING=1", "STATUS=Finishing what is in hand."]
    reporting.close()
    assert not reporting.is_alive()


def test_of_a_loop_that_stands_still_the_watchdog_hears_nothing(tmp_path: Path) -> None:
    ear = Ear(str(tmp_path / "notify"))
    stop, is_stuck = threading.Event(), threading.Event()

    def hangs(pulse: threading.Event) -> None:
        assert not pulse.is_set()
        # What others ask in its name is no sign of its life.
        other = threading.Thread(target=lambda: [pulse.wait(0.01) for _ in range(100)])
        other.start()
        is_stuck.wait(PATIENCE)
        other.join()
        pulse.wait()

    parts = [Part("fetch", hangs, stop), Part("send", wait_for_the_end, stop)]
    reporting = Reporting(ServiceManager(ear.address, watchdog=0.2), parts, stop, works="Works.")
    for part in parts:
        part.start()
    reporting.start()
    while not (heard := ear.hear())[0].startswith("STATUS=Stuck"):
        pass
    (status,) = heard
    assert re.fullmatch(r"STATUS=Stuck: fetch has not moved for \d+ s\.", status)
    is_stuck.set()
    assert ear.hear_until("WATCHDOG=1") == ["STATUS=Works.", "WATCHDOG=1"]
    stop.set()
    reporting.close()
    ear.close()


def test_a_loop_that_waits_is_not_late_before_its_wait_is_over() -> None:
    stop = threading.Event()
    part = Part("sweep", lambda pulse: pulse.wait(60), stop)
    assert part.pulse.silence(clock.monotonic()) == 0
    before = clock.monotonic()
    part.start()
    waiting.until(lambda: part.pulse.has_begun)
    after = clock.monotonic()

    assert part.pulse.silence(before + 60) == 0
    assert part.pulse.silence(before + 70) <= 10 <= part.pulse.silence(after + 70)
    stop.set()
    part.join()


def test_a_service_manager_that_is_gone_stops_no_work(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "gone")).tell("READY=1")
    ServiceManager().tell("READY=1")


@pytest.mark.parametrize(
    ("variables", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),  # inherited from a service that is not us
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_asked_for_by_the_environment(variables: dict[str, str], watchdog: float | None) -> None:
    manager = service_manager({**variables, "NOTIFY_SOCKET": "/run/systemd/notify"})

    assert manager == ServiceManager("/run/systemd/notify", watchdog)
