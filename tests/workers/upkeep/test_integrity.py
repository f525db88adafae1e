"""Once a day a worker looks whether the file is sound, and an alert says what to do when it is not."""

import threading
from datetime import timedelta

import pytest

from core import alerts, clock
from core.environment import Environment
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Alert, Setting
from core.workers.upkeep import integrity
from core.workers.upkeep.integrity import CHECKED, SUBJECT, check_integrity
from tests.accounts import ON_SQLITE, rows_of
from tests.damage import damage

pytestmark = ON_SQLITE


def checked_at(handles: Handles) -> str | None:
    with handles.database.reading() as session:
        row = session.get(Setting, CHECKED)
    return str(row.value) if row is not None else None


def test_a_damaged_file_is_an_alert_that_says_what_to_do(home: Environment) -> None:
    damage(home)
    handles = open_gateway(home)
    try:
        check_integrity(handles, threading.Event())
        [alert] = rows_of(handles, Alert, "id")
        assert (alert.subject, alert.closed_at) == (SUBJECT, None)
        assert alert.text.startswith("The database is damaged (Tree ")
        assert alert.text.endswith("postroom db restore FILE")
    finally:
        handles.close()


def test_it_is_looked_through_once_a_day_whoever_does(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(integrity, "damage_of", lambda *given: looks.append(given) or "")
    now = clock.utcnow()
    for passed in (0, 1, 23, 25, 26, -1000):  # at last the clock was set back
        monkeypatch.setattr(clock, "utcnow", lambda passed=passed: now + timedelta(hours=passed))
        check_integrity(handles, threading.Event())
    assert len(looks) == 3


def test_a_file_that_is_sound_again_closes_the_alert(handles: Handles) -> None:
    alerts.settle(handles, SUBJECT, {SUBJECT: "It is damaged."}, clock.utcnow())
    check_integrity(handles, threading.Event())
    assert [alert.closed_at is None for alert in rows_of(handles, Alert, "id")] == [False]


def test_whoever_is_stopped_meanwhile_says_nothing_and_leaves_it_to_the_next(home: Environment) -> None:
    damage(home)
    handles, stop = open_gateway(home), threading.Event()
    stop.set()
    try:
        check_integrity(handles, stop)
        assert (checked_at(handles), rows_of(handles, Alert, "id")) == (None, [])
    finally:
        handles.close()
