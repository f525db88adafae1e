"""The doctor's own checks; those of a part of Postroom are tested with it."""

import pytest

from core import alerts, clock
from core.environment import Environment
from core.gateway import open_gateway
from core.handles import Handles
from core.services.doctor.examination import Level, examine
from core.services.doctor.finding import Finding
from tests.accounts import ON_SQLITE
from tests.damage import damage

pytestmark = ON_SQLITE


def found(handles: Handles, check: str) -> Finding:
    environment = handles.environment
    (one,) = [one for one in examine(environment, lambda: open_gateway(environment)) if one.check == check]
    return one


def test_open_alerts_are_named_until_they_are_closed(handles: Handles) -> None:
    assert found(handles, "alerts").level is Level.OK
    alerts.settle(handles, "disk", {"disk": "It is full."}, clock.utcnow())
    told = found(handles, "alerts")
    assert (told.level, told.text) == (Level.WARNING, "1 is open: disk. See: postroom list alert")
    alerts.settle(handles, "disk", {}, clock.utcnow())
    assert found(handles, "alerts").level is Level.OK


@pytest.mark.parametrize("table", ["recipient", "alert"])
def test_a_damaged_file_is_a_finding_and_not_the_doctors_end(home: Environment, table: str) -> None:
    damage(home, table)
    there = list(examine(home, lambda: open_gateway(home)))
    [engine] = [one for one in there if one.check == "engine"]
    assert engine.level is Level.ERROR
    assert engine.text.startswith("The database is damaged (Tree ")
    # What can still be read is looked at; the last finding says what cannot.
    assert [one.check for one in there if one.check == "database"] == (["database"] if table == "alert" else [])
