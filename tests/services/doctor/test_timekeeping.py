"""The doctor at the clock."""

from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.models import Audit, Worker
from core.services.doctor.finding import Finding, Level
from core.services.doctor.timekeeping import clock_of
from tests.accounts import ON_SQLITE
from tests.services.worlds import put


def looked_at(handles: Handles, ahead: timedelta = timedelta(0)) -> Finding:
    with handles.database.reading() as session:
        return clock_of(session, clock.utcnow() + ahead)


def test_a_clock_that_goes_as_the_others_do_is_well(handles: Handles) -> None:
    assert looked_at(handles).level is Level.OK


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_differs_from_the_database_servers_is_told(handles: Handles, minutes: int) -> None:
    found = looked_at(handles, timedelta(minutes=minutes))
    assert found.level is Level.WARNING
    assert "the database server's says" in found.text


@ON_SQLITE
def test_what_was_written_later_than_it_is_now_shows_a_wrong_clock(handles: Handles) -> None:
    ahead = clock.utcnow() + timedelta(minutes=10)
    put(handles, Worker(id="w", host="h", pid=1, role="send", version="", started_at=ahead, heartbeat_at=ahead))
    found = looked_at(handles)
    assert found.level is Level.WARNING
    assert f"written at {ahead:%Y-%m-%d %H:%M:%S} UTC" in found.text
    assert looked_at(handles, timedelta(minutes=20)).level is Level.OK


@ON_SQLITE
def test_lines_from_before_the_clock_was_set_back_are_not_held_against_it(handles: Handles) -> None:
    now = clock.utcnow()
    line = {"actor": "a@h", "verb": "add", "kind": "queue", "name": "q"}
    put(handles, Audit(at=now + timedelta(days=4000), **line))
    assert looked_at(handles).level is Level.WARNING
    put(handles, Audit(at=now, **line))
    assert looked_at(handles).level is Level.OK
